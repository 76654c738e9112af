/** A session whose disk is full, read-only or broken: no mail is lost, sender and user see why, and it arrives later. */
import { spawn } from "node:child_process";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { LEASE_MS } from "../../src/rules/presence.ts";
import { AGAIN } from "../../src/rules/texts/frames.ts";
import { runCommand } from "../hooks/hook.ts";
import { script } from "../statusline/line.ts";
import { ok } from "../support/api.ts";
import { seenBy, startBroker, type TestBroker } from "../support/broker.ts";
import { atEnd } from "../support/cleanup.ts";
import { type TestClock, testClock } from "../support/clock.ts";
import { fill, tempHome } from "../support/folders.ts";
import { type HostOptions, startHost, type TestHost } from "../support/host.ts";
import { canMount, canTrace, notRun, withOwnDisk } from "../support/not-run.ts";
import { until } from "../support/wait.ts";

const NO_DISK = "needs Linux, root and mount namespaces";
const NO_TRACE = "needs strace that may attach to processes";

const send = (broker: TestBroker, text: string) => ok(broker, "send_message", { to: "ann", text });
const annAt = async (broker: TestBroker) =>
  (await ok(broker, "list_peers", {})).peers.find(({ name }) => name === "ann");
const stateOf = async (broker: TestBroker, id: string) =>
  (await ok(broker, "message_status", { message_id: id })).recipients[0];

const stuck = (broker: TestBroker) =>
  until("the broker knows that mail cannot be written", async () => (await annAt(broker))?.hooks === "unwritable");

/** A session that works. Its home is its own, with the broker elsewhere, as on another machine. */
async function session(broker: TestBroker, home: string, clock?: TestClock, options?: HostOptions): Promise<TestHost> {
  const env = { CCT_BROKER: broker.url, CCT_TOKEN: broker.token, ...clock?.env, ...options?.env };
  const ann = await startHost(home, "ann", { ...options, env });
  await until("ann is there", async () => (await annAt(broker)) !== undefined);
  // A hook gave instructions before the session was registered, so mail says its name. On a full disk none could note that.
  try {
    writeFileSync(join(seenBy(ann.pid, ann.spool), "instructed"), "-\n");
  } catch {}
  await ann.hook("UserPromptSubmit", {}, { env: { CCT_HOME: seenBy(ann.pid, home) } });
  return ann;
}

const FULL =
  "on a full disk mail waits at the broker, everybody is told, a tool shows it, and it comes once there is space";
test.skipIf(!canMount() && notRun(FULL, NO_DISK))(FULL, async () => {
  const [clock, broker, home] = [testClock(), await startBroker(), tempHome()];
  const ann = await session(broker, home, clock, { within: (command) => withOwnDisk(dirname(home), "1m", command) });
  const filler = join(seenBy(ann.pid, home), "filler");
  const env = { CCT_HOME: seenBy(ann.pid, home) };
  const before = await send(broker, "before");
  await until("its mail is written", () => existsSync(seenBy(ann.pid, join(ann.spool, "mail"))));
  fill(filler);
  // Hooks need no space to take and to mark it.
  expect((await ann.hook("PreToolUse", { tool_name: "Bash" }, { env })).stdout).toContain("before");
  await until("it is delivered", async () => (await stateOf(broker, before.message_id))?.state === "delivered");

  const first = await send(broker, "first");
  await stuck(broker);
  const second = await send(broker, "second");
  expect(second.recipients[0]?.note).toContain("cannot write mail now");
  for (let lease = 0; lease < 11; lease++) await clock.pass(LEASE_MS);
  for (const { message_id } of [first, second])
    expect(await stateOf(broker, message_id)).toMatchObject({ state: "queued", redelivered: false });
  await until("the status line says so", async () => {
    const line = await runCommand(
      ["bash", script],
      { PATH: process.env.PATH, CLAUDE_PID: String(ann.pid), ...env },
      "{}",
    );
    return /✉2 disk full/.test(line.stdout);
  });

  const checked = await ann.tool("cct_check_messages");
  expect(checked.structured).toMatchObject({ messages: [{ text: "first" }, { text: "second" }], remaining: 0 });
  expect(checked.structured.warning).toContain("the disk is full (ENOSPC)");
  await until("they are delivered", async () => (await stateOf(broker, second.message_id))?.state === "delivered");
  expect((await ann.tool("cct_check_messages")).structured).toMatchObject({
    messages: [],
    warning: expect.stringContaining("does not arrive by itself"),
  });

  const third = await send(broker, "third");
  rmSync(filler);
  const shown = await clock.passUntil("the mail comes by itself", async () => {
    const { stdout } = await ann.hook("PreToolUse", { tool_name: "Bash" }, { env });
    return stdout.includes("third") && stdout;
  });
  expect(shown).not.toContain(AGAIN);
  await until("all is well", async () => (await annAt(broker))?.hooks === undefined);
  await ann.hook("Stop", {}, { env });
  for (const { message_id } of [first, second, third])
    await until("it is read", async () => (await stateOf(broker, message_id))?.state === "read");
  await ann.end();
});

const OUTBOX = "a message that a full disk keeps out of the outbox is not said to be kept";
test.skipIf(!canMount() && notRun(OUTBOX, NO_DISK))(OUTBOX, async () => {
  const [broker, home] = [await startBroker(), tempHome()];
  const within: HostOptions["within"] = (command) => withOwnDisk(dirname(home), "1m", command);
  const ann = await session(broker, home, undefined, { within, env: { CCT_OUTBOX: "true" } });
  fill(join(seenBy(ann.pid, home), "filler"));
  await broker.stop();
  const sent = await ann.tool("cct_send_message", { to: "operator-of-another", text: "x".repeat(20_000) });
  expect(sent).toMatchObject({ isError: true });
  expect(sent.text).toContain(
    "it was not queued: no broker answers, and the outbox cannot be written: the disk is full (ENOSPC)",
  );
  expect(sent.text).toContain("Send it again later with message_id");
  await ann.end();
});

const START = "a session that starts on a full disk is one peer, and is that peer again after its disk has space";
test.skipIf(!canMount() && notRun(START, NO_DISK))(START, async () => {
  const [clock, broker, home] = [testClock(), await startBroker(), tempHome()];
  // The folders are there, and the disk is full but for what the session server's lock needs.
  const folders = ["spool", "pidmaps", "flags", "peers", "log", "outbox"].map((name) => join(home, name)).join(" ");
  const before = `mkdir -m 700 -p ${home} ${folders} ${home}/spool/$$; head -c 2m /dev/zero >${home}/filler; truncate -s -12k ${home}/filler`;
  const ann = await session(broker, home, clock, {
    before: `{ ${before}; } 2>/dev/null`,
    within: (command) => withOwnDisk(dirname(home), "1m", command),
  });
  fill(join(seenBy(ann.pid, home), "more"));
  const { peer_id } = (await annAt(broker)) ?? {};
  await ann.tool("cct_set_summary", { summary: "fills disks", name: "bea" });
  rmSync(join(seenBy(ann.pid, home), "filler"));
  rmSync(join(seenBy(ann.pid, home), "more"));
  await clock.passUntil("its record is saved", async () => {
    const record = join(seenBy(ann.pid, home), "peers", `${peer_id}.json`);
    return (await runCommand(["cat", record], process.env, "")).stdout.includes('"name":"bea"');
  });
  expect((await ok(broker, "list_peers", {})).peers.map(({ name }) => name)).toEqual(["bea"]);
  await ann.end();
});

const NO_START = "a session that cannot start on a full disk says why, and what to do";
test.skipIf(!canMount() && notRun(NO_START, NO_DISK))(NO_START, async () => {
  const home = tempHome();
  const folders = ["spool", "pidmaps", "flags", "peers", "log", "outbox"].map((name) => join(home, name)).join(" ");
  const before = `mkdir -m 700 -p ${home} ${folders}; head -c 2m /dev/zero >${home}/filler`;
  const ann = await startHost(home, "ann", {
    before: `{ ${before}; } 2>/dev/null`,
    within: (command) => withOwnDisk(dirname(home), "1m", command),
  });
  const { isError, text } = await ann.tool("cct_check_messages");
  expect(isError).toBe(true);
  expect(text).toMatch(
    /^CCT cannot start in this session: the disk is full \(ENOSPC\), in .*\/home\. Mail waits at the broker\./,
  );
  await ann.end();
});

/** Makes a system call of a process fail. Returns what ends that. */
async function failing(pid: number, call: string, error: string): Promise<() => Promise<void>> {
  const child = spawn(
    "strace",
    ["-f", "-q", "-p", String(pid), "-e", `trace=${call}`, "-e", `inject=${call}:error=${error}`],
    {
      stdio: ["ignore", "ignore", "pipe"],
    },
  );
  let seen = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    seen += text;
  });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const end = async (): Promise<void> => {
    child.kill("SIGINT");
    await ended;
  };
  atEnd(end);
  await until(`${call} fails`, () => seen.includes(error));
  return end;
}

const TRACED =
  "a disk that answers %s (%s): mail waits, everybody is told, a tool shows it, and it comes once that is over";
test.skipIf(!canTrace() && notRun(TRACED, NO_TRACE)).each([
  ["EIO", "rename"],
  ["EACCES", "rename"],
  ["EROFS", "rename"],
  ["EMFILE", "openat"],
])(TRACED, async (error, call) => {
  const [broker, home] = [await startBroker(), tempHome()];
  const ann = await session(broker, home);
  const mend = await failing(ann.serverPid(), call, error);
  const first = await send(broker, "first");
  await stuck(broker);
  const checked = await ann.tool("cct_check_messages");
  expect(checked.structured).toMatchObject({ messages: [{ text: "first" }], warning: expect.stringContaining(error) });
  await until("it is delivered", async () => (await stateOf(broker, first.message_id))?.state === "delivered");
  const second = await send(broker, "second");
  expect(second.recipients[0]?.note).toContain("cannot write mail now");
  await mend();
  const shown = await until("the mail comes by itself", async () => {
    const { stdout } = await ann.hook("PreToolUse", { tool_name: "Bash" });
    return stdout.includes("second") && stdout;
  });
  expect(shown).not.toContain(AGAIN);
  expect(await stateOf(broker, second.message_id)).toMatchObject({ redelivered: false });
});
