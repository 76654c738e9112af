/** What mail says to a conversation, by what that was told before, and by what its user has set. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { WITHOUT_INSTRUCTIONS } from "../../src/rules/texts/frames.ts";
import { instructions } from "../../src/rules/texts/instructions.ts";
import { createAudience } from "../../src/session/audience.ts";
import { createCurrentPeer } from "../../src/session/peer.ts";
import { type Credentials, ok } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { startHost, type TestHost } from "../support/host.ts";
import { newPeer, place } from "../support/peers.ts";
import { until } from "../support/wait.ts";

interface Stage {
  broker: TestBroker;
  ann: Credentials;
  ben: TestHost;
}

async function openStage(env: Record<string, string> = {}): Promise<Stage> {
  const broker = await startBroker();
  const ann = await newPeer(broker, "ann");
  const ben = await startHost(broker.home, "ben", { env });
  await ben.ready();
  return { broker, ann, ben };
}

/** The frame of a message, as a prompt's hook shows it. */
async function shown({ broker, ben }: Stage, from: Credentials, text: string): Promise<string> {
  await ok(broker, "send_message", { to: "ben", text }, from);
  await until(`${text} lies in the spool`, async () => (await ben.mail()).includes(text));
  const { stdout } = await ben.given("UserPromptSubmit", { prompt: "go on" });
  await ben.hook("Stop");
  return JSON.parse(stdout).hookSpecificOutput.additionalContext;
}

const note = (host: TestHost): string => readFileSync(join(host.spool, "instructed"), "utf8").split("\n")[0] ?? "";

test("a conversation is told once who the session is: with the instructions, else with its first mail", async () => {
  const stage = await openStage();
  const { ann, ben } = stage;
  // The hook ran before the session was registered.
  writeFileSync(join(ben.spool, "instructed"), "-\n");
  expect(await shown(stage, ann, "first")).toMatch(/reply_to="[0-9a-f]{8}"; you are "ben" \([0-9a-f]{4}\)\)$/);
  await until("that is noted", () => note(ben) === "ben");
  expect(await shown(stage, ann, "second")).toMatch(
    /^CCT mail · ann@elsewhere \([0-9a-f]{4}\) · id [0-9a-f]{8}\n\| second\n\(answer: cct_send_message to="ann@elsewhere" reply_to="[0-9a-f]{8}"\)$/,
  );
  await ben.tool("cct_set_summary", { summary: "tests", name: "benny" });
  await ok(stage.broker, "send_message", { to: "benny", text: "third" }, ann);
  expect(await ben.mail()).toMatch(/; you are "benny" \([0-9a-f]{4}\)\)/);

  await until("the hook knows the name", async () => {
    const { stdout } = await ben.hook("SessionStart", { source: "clear" });
    const told: string = JSON.parse(stdout).hookSpecificOutput.additionalContext;
    const [, id = ""] = /You are "benny" \(([0-9a-f]{4})\)/.exec(told) ?? [];
    return told === instructions({ name: "benny", id });
  });
});

test("mail in a conversation that no hook has told anything says the most important of it", async () => {
  const stage = await openStage();
  for (const text of ["first", "second"])
    expect((await shown(stage, stage.ann, text)).endsWith(`; ${WITHOUT_INSTRUCTIONS})`)).toBe(true);
  await stage.ben.hook("SessionStart", { source: "startup" });
  expect(await shown(stage, stage.ann, "third")).not.toContain(WITHOUT_INSTRUCTIONS);
});

test.each([
  ["own", false, true],
  ["work", false, false],
  ["ask", true, true],
])(
  "with requests=%s, mail of this machine is marked 'ask first': %s; of one with another token: %s",
  async (requests, ...marked) => {
    const stage = await openStage({ CCT_REQUESTS: requests });
    const { broker } = stage;
    const { code } = await ok(broker, "invite_device", {});
    const { token } = await ok({ ...broker, token: code }, "join_device", { name: "laptop" });
    // It calls itself as the other does: that proves nothing.
    const far = await ok({ ...broker, token }, "register", { ...place(), name: "far" });
    const sender = { peer_id: far.peer_id, secret: far.secret ?? "" };
    await stage.ben.hook("SessionStart", { source: "startup" });
    const near = await shown(stage, stage.ann, "from near");
    await ok({ ...broker, token }, "send_message", { to: "ben", text: "from afar" }, sender);
    await until("it lies in the spool", async () => (await stage.ben.mail()).includes("from afar"));
    const { stdout } = await stage.ben.given("UserPromptSubmit", { prompt: "go on" });
    const afar: string = JSON.parse(stdout).hookSpecificOutput.additionalContext;
    expect([near, afar].map((text) => / · id \S+ · ask first\n/.test(text))).toEqual(marked);
    await ok(broker, "send_message", { to: "ben", text: "from a person" });
    await until("it lies there too", async () => (await stage.ben.mail()).includes("from a person"));
    expect(await stage.ben.mail()).not.toContain("ask first");
  },
);

test("a name counts as said only if mail with another one was not put in place before it was shown", () => {
  const written: string[] = [];
  const signals = {
    instructed: () => written.at(-1) ?? "-",
    write: (_: string, name: string) => void written.push(name),
  };
  const peer = createCurrentPeer();
  const ids = { peer_id: "ab".repeat(16), secret: "", session_id: undefined, earlier: [], since: 0 };
  const called = (name: string): void => {
    peer.record = { ...ids, name, host_pid: 1, started: "", seat: false };
  };
  const audience = createAudience({ now: () => 0 }, { requests: "work" }, signals, peer);
  called("ben");
  expect(audience.look().unnamed).toMatchObject({ name: "ben" });
  // A hook has taken that mail. More is put in place meanwhile, under another name, and then the first is shown.
  called("benny");
  expect(audience.look().unnamed).toMatchObject({ name: "benny" });
  audience.shown();
  expect(written).toEqual([]);
  expect(audience.look().unnamed).toMatchObject({ name: "benny" });
  audience.shown();
  expect(written).toEqual(["benny"]);
  expect(audience.look().unnamed).toBe(undefined);
});
