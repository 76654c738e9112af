/** Session server, host and broker end, restart and are away. */
import { mkdirSync, readdirSync, readFileSync, renameSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readIfThere } from "../../src/platform/files.ts";
import { isAlive } from "../../src/platform/process.ts";
import { readSpoolHead } from "../../src/rules/spoolfile.ts";
import { AGAIN } from "../../src/rules/texts/frames.ts";
import { ok } from "../support/api.ts";
import { endBrokerOf, spawnBroker, startBroker, type TestBroker } from "../support/broker.ts";
import { atEnd } from "../support/cleanup.ts";
import { testClock } from "../support/clock.ts";
import { tempFolder } from "../support/folders.ts";
import { startHost, type TestHost } from "../support/host.ts";
import { until } from "../support/wait.ts";
import { pidmap } from "./conversations.ts";

async function presence(broker: TestBroker, name: string): Promise<string | undefined> {
  const { peers } = await ok(broker, "list_peers", { all: true });
  return peers.find((peer) => peer.name === name)?.presence;
}

test("a session is offline as soon as its host closes it; its mailbox remains", async () => {
  const broker = await startBroker();
  // A session server that ends waits for its broker for a moment only. A machine that is busy may be slow, but not each time.
  for (let isAtOnce = false, tries = 0; !isAtOnce; tries++) {
    expect(tries).toBeLessThan(10);
    const ann = await startHost(broker.home, "ann");
    await ann.ready();
    expect(await presence(broker, "ann")).toBe("idle");
    await ann.end();
    isAtOnce = (await presence(broker, "ann")) === "offline";
    await until("she is offline", async () => (await presence(broker, "ann")) === "offline");
  }
  const { recipients } = await ok(broker, "send_message", { to: "ann", text: "for later" });
  expect(recipients).toMatchObject([{ name: "ann", state: "queued" }]);
  expect(recipients[0]?.note).toMatch(/^offline for \d+ s; kept/);
});

test("when a host is killed, its session server ends and the peer goes offline", async () => {
  const broker = await startBroker();
  const ann = await startHost(broker.home, "ann");
  await ann.ready();
  const server = ann.serverPid();
  ann.kill("SIGKILL");
  await until("the server has ended", () => !isAlive(server));
  await until("the peer is offline", async () => (await presence(broker, "ann")) === "offline");
});

/** At once, so that neither can say anything. */
async function killBoth(host: TestHost): Promise<void> {
  const server = host.serverPid();
  process.kill(host.pid, "SIGSTOP");
  for (const pid of [server, host.pid]) process.kill(pid, "SIGKILL");
  await until("both have ended", () => !isAlive(server) && !isAlive(host.pid));
}

test("after a restart of the broker, a session that died meanwhile is away at the first question", async () => {
  const broker = await startBroker();
  const ann = await startHost(broker.home, "ann");
  await ann.ready();
  await broker.stop();
  await killBoth(ann);
  const again = await startBroker({ home: broker.home });
  const { recipients } = await ok(again, "send_message", { to: "ann", text: "there?" });
  expect(recipients[0]?.note).toMatch(/^offline for/);
});

test("claude -p that was killed together with its session server is ended by the next session", async () => {
  const broker = await startBroker();
  const print = await startHost(broker.home, "print", { env: { CLAUDE_CODE_ENTRYPOINT: "sdk-cli" } });
  await print.ready();
  const there = await startHost(broker.home, "stays");
  await there.ready();
  const peers = () => readdirSync(join(broker.home, "peers")).filter((name) => name.endsWith(".json"));
  expect(peers()).toHaveLength(2);
  for (const host of [print, there]) await killBoth(host);
  const next = await startHost(broker.home, "next");
  await next.ready();
  await until("its peer is gone", async () => (await presence(broker, "print")) === undefined);
  await until("its record is gone", () => peers().length === 2);
  await until(
    "the other one, which may be resumed, is offline",
    async () => (await presence(broker, "stays")) === "offline",
  );
});

test("others see the state that hooks report", async () => {
  const broker = await startBroker();
  const ann = await startHost(broker.home, "ann");
  await ann.ready();
  await ann.hook("UserPromptSubmit", { prompt: "work" });
  await until("she is active", async () => (await presence(broker, "ann")) === "active");
  await ann.hook("Stop");
  await until("she is idle", async () => (await presence(broker, "ann")) === "idle");
});

test("a killed session server comes back as the same peer, with the mail that was under way", async () => {
  const broker = await startBroker();
  const ann = await startHost(broker.home, "ann");
  await ann.ready();
  await ok(broker, "send_message", { to: "ann", text: "before the end" });
  await ann.mail();
  const before = ann.serverPid();
  process.kill(before, "SIGKILL");
  await ann.restarted(before);
  await ann.handshake();
  const { structured } = await until("the next one is registered", async () => {
    const answer = await ann.tool("cct_list_peers");
    return !answer.isError && answer;
  });
  expect(structured.peers).toHaveLength(1);
  const shown = await until("the mail is shown", async () => {
    const { stdout } = await ann.hook("PreToolUse", { tool_name: "Bash" });
    return stdout.includes("before the end") && stdout;
  });
  // It was in the spool all the time, and nobody saw it.
  expect(shown).not.toContain(AGAIN);
});

test("a conversation resumed in a new process is the same peer and gets its mail", async () => {
  const broker = await startBroker();
  const env = { CLAUDE_CODE_SESSION_ID: "conversation-1" };
  const first = await startHost(broker.home, "ann", { env });
  await first.ready();
  await first.end();
  await ok(broker, "send_message", { to: "ann", text: "while you were away" });
  const second = await startHost(broker.home, "somebody", { env });
  await second.ready();
  const { structured } = await second.tool("cct_list_peers");
  expect(structured.peers).toMatchObject([{ name: "ann", you: true }]);
  expect(await second.mail()).toContain("while you were away");
});

test("a conversation killed before its model answered gets the mail again, marked", async () => {
  const broker = await startBroker();
  const env = { CLAUDE_CODE_SESSION_ID: "conversation-2" };
  const first = await startHost(broker.home, "ann", { env });
  await first.ready();
  await ok(broker, "send_message", { to: "ann", text: "said into the dark" });
  await first.mail();
  expect((await first.given("PreToolUse", { tool_name: "Bash" })).stdout).toContain("said into the dark");
  await until("it is delivered", async () => {
    const { messages } = await ok(broker, "messages", {});
    return messages[0]?.recipients[0]?.state === "delivered";
  });
  first.kill("SIGKILL");
  await until("it has ended", () => !isAlive(first.pid));
  const second = await startHost(broker.home, "ann", { env });
  const mail = await second.mail();
  expect(mail).toContain("said into the dark");
  expect(mail).toContain(AGAIN);
});

test("two live sessions of one conversation are two peers", async () => {
  const broker = await startBroker();
  const env = { CLAUDE_CODE_SESSION_ID: "conversation-3" };
  const first = await startHost(broker.home, "ann", { env });
  await first.ready();
  const second = await startHost(broker.home, "ann", { env });
  await second.ready();
  const { structured } = await second.tool("cct_list_peers");
  expect((structured.peers as { name: string }[]).map((peer) => peer.name).sort()).toEqual(["ann", "ann-2"]);
});

test("sessions restart a killed broker, and mail continues", async () => {
  const broker = await spawnBroker();
  const env = { CCT_PORT: "0" };
  endBrokerOf(broker.home);
  const [ann, ben] = [await startHost(broker.home, "ann", { env }), await startHost(broker.home, "ben", { env })];
  await Promise.all([ann.ready(), ben.ready()]);
  await broker.stop("SIGKILL");
  const sent = await until("ann can send again", async () => {
    const answer = await ann.tool("cct_send_message", { to: "ben", text: "still there?" });
    return !answer.isError && answer;
  });
  expect(sent.structured).toMatchObject({ recipients: [{ name: "ben" }] });
  expect(await ben.mail()).toContain("still there?");
});

test("a stopped broker stays down, tools report it, and everything continues after its start", async () => {
  const broker = await startBroker();
  const [ann, ben] = [await startHost(broker.home, "ann"), await startHost(broker.home, "ben")];
  await Promise.all([ann.ready(), ben.ready()]);
  await broker.stop();
  const away = await ann.tool("cct_list_peers");
  expect(away.isError).toBe(true);
  expect(away.text).toMatch(/No broker runs.*cct start/);
  const unsent = await ann.tool("cct_send_message", { to: "ben", text: "hello?" });
  expect(unsent.isError).toBe(true);
  expect(unsent.text).toMatch(/not sent, and nothing keeps it: No broker runs.*message_id/);
  const again = await startBroker({ home: broker.home });
  await until(
    "both are back",
    async () => (await presence(again, "ben")) === "idle" && (await presence(again, "ann")) === "idle",
  );
  await ann.tool("cct_send_message", { to: "ben", text: "hello again" });
  expect(await ben.mail()).toContain("hello again");
});

test.each([
  ["comes again, marked", 0],
  ["comes again, marked, when the clock is set back meanwhile", 3_600_000],
])("mail that a dead hook had taken %s", async (_, setBackMs) => {
  const clock = testClock();
  const broker = await startBroker({ clock });
  const ann = await startHost(broker.home, "ann", { env: clock.env });
  await ann.ready();
  await ok(broker, "send_message", { to: "ann", text: "lost on the way" });
  await ann.mail();
  // What a hook leaves that dies before it prints.
  renameSync(join(ann.spool, "mail"), join(ann.spool, "taken.1-1"));
  // The session has seen the file.
  await clock.pass(1_000);
  clock.forward(-setBackMs);
  const mail = await clock.passUntil("it is back in the spool", () => readIfThere(join(ann.spool, "mail")) || false);
  expect(mail).toContain("lost on the way");
  expect(mail).toContain(AGAIN);
});

test("mail that no hook of a working session takes is offered to any hook", async () => {
  const clock = testClock();
  const broker = await startBroker({ clock });
  const ann = await startHost(broker.home, "ann", { env: clock.env });
  await ann.ready();
  // The user pressed Escape: no hook reported that the session is idle.
  await ann.hook("UserPromptSubmit", { prompt: "work" });
  await ok(broker, "send_message", { to: "ann", text: "anyone there?" });
  const server = ann.serverPid();
  await ann.mail();
  // After five seconds it is offered to any hook: on a slow machine they may be over already.
  process.kill(server, "SIGSTOP");
  const head = readSpoolHead(readIfThere(join(ann.spool, "mail")) ?? "");
  if (!head?.late) expect((await ann.hook("FileChanged")).status).toBe(0);
  process.kill(server, "SIGCONT");
  const woken = await clock.passUntil("a hook wakes her", async () => {
    const run = await ann.hook("FileChanged");
    return run.status === 2 && run;
  });
  expect(woken.stderr).toContain("anyone there?");
});

test("a session name set by the user becomes the peer's name; one derived by the host only its alias", async () => {
  const broker = await startBroker();
  const config = tempFolder();
  mkdirSync(join(config, "sessions"));
  const named = async (name: string, nameSource: string) => {
    // The file is named after the host's pid, so only the host's shell can write it before the server starts.
    const file = JSON.stringify({ name, nameSource });
    const host = await startHost(broker.home, "", {
      env: { CLAUDE_CONFIG_DIR: config, SESSION_FILE: file },
      before: 'echo "$SESSION_FILE" >"$CLAUDE_CONFIG_DIR/sessions/$$.json"',
    });
    await host.ready();
    return until("the broker has heard it", async () => {
      const { peers } = await ok(broker, "list_peers", {});
      const alias = name.replace(" ", "-").toLowerCase();
      return peers.find(
        (peer) => peer.peer_id === pidmap(broker.home, host).split(" ")[0] && (peer.alias ?? peer.name) === alias,
      );
    });
  };
  expect(await named("Docs Team", "user")).toMatchObject({ name: "docs-team" });
  const derived = await named("docs-7d", "derived");
  expect(derived).toMatchObject({ alias: "docs-7d" });
  expect(derived.name).not.toContain("docs");
  expect((await ok(broker, "send_message", { to: "docs-7d", text: "hello" })).recipients).toMatchObject([
    { name: derived.name },
  ]);
});

test("records too old to resume, and seats too old to take, are deleted, but never a live peer's", async () => {
  const broker = await startBroker();
  const first = await startHost(broker.home, "ann", { env: { CLAUDE_CODE_SESSION_ID: "conversation-old" } });
  const live = await startHost(broker.home, "ben", { env: { CLAUDE_CODE_SESSION_ID: "conversation-live" } });
  await Promise.all([first.ready(), live.ready()]);
  await first.end();
  // It lives, and does nothing: a heartbeat would make its record young, which then tells how old the others are.
  const server = live.serverPid();
  process.kill(server, "SIGSTOP");
  atEnd(() => void (isAlive(server) && process.kill(server, "SIGCONT")));
  const records = (): string[] => readdirSync(join(broker.home, "peers")).filter((name) => name.endsWith(".json"));
  expect(records()).toHaveLength(2);
  const age = (days: number): void => {
    const longAgo = new Date(Date.now() - days * 24 * 3_600_000);
    for (const name of records()) utimesSync(join(broker.home, "peers", name), longAgo, longAgo);
  };
  age(40);
  const names = (): string[] =>
    records()
      .map((name) => JSON.parse(readFileSync(join(broker.home, "peers", name), "utf8")).name)
      .sort();
  // The clock alone may be wrong: a record is old when there is a newer one.
  await (await startHost(broker.home, "cat")).ready();
  expect(names()).toEqual(["ann", "ben", "cat"]);
  age(401);
  await (await startHost(broker.home, "dan")).ready();
  await (await startHost(broker.home, "eve")).ready();
  expect(names()).toEqual(["ben", "cat", "dan", "eve"]);
});
