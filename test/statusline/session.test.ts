/** The status line of a session that works: what its session server says, as the script shows it. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Flags, renderFlags } from "../../src/session/flags.ts";
import { runCommand } from "../hooks/hook.ts";
import { startBroker } from "../support/broker.ts";
import { startHost, type TestHost } from "../support/host.ts";
import { hostileText } from "../support/hostile.ts";
import { freePort } from "../support/ports.ts";
import { until } from "../support/wait.ts";
import { flags, script } from "./line.ts";

async function shown(home: string, host: TestHost): Promise<string> {
  const env = { PATH: process.env.PATH, CCT_HOME: home, CLAUDE_PID: String(host.pid) };
  return (await runCommand(["bash", script], env, "{}")).stdout.trimEnd();
}

const becomes = (home: string, host: TestHost, line: string): Promise<unknown> =>
  until(`the status line is ${line}`, async () => (await shown(home, host)) === line);

test("it follows the session: no hook yet, ready, mail, mail taken, the broker away and back", async () => {
  const port = await freePort();
  const broker = await startBroker({ port });
  const { home } = broker;
  const [ann, ben] = [await startHost(home, "ann"), await startHost(home, "ben")];
  await Promise.all([ann.ready(), ben.ready()]);
  const me = `CCT:${readFileSync(join(home, "pidmaps", String(ben.pid)), "utf8").slice(0, 4)}`;
  await becomes(home, ben, `${me} no hook`);
  await ben.hook("SessionStart", { source: "startup" });
  await becomes(home, ben, me);
  for (const text of ["one", "two"]) await ann.tool("cct_send_message", { to: "ben", text });
  await becomes(home, ben, `${me} ✉2`);
  // They count before both lie where hooks find them.
  await until("both lie there", async () => /\| one[\s\S]*\| two/.test(await ben.mail()));
  await ben.given("PreToolUse", { tool_name: "Bash", tool_input: {} });
  await becomes(home, ben, me);
  expect(statSync(join(home, "flags", String(ben.pid))).mode & 0o777).toBe(0o600);

  await broker.stop();
  await becomes(home, ben, "CCT:off");
  await startBroker({ home, port });
  await becomes(home, ben, me);
});

test("mail too long for hooks is counted until a tool has read it", async () => {
  const { home } = await startBroker();
  const [ann, ben] = [await startHost(home, "ann"), await startHost(home, "ben")];
  await Promise.all([ann.ready(), ben.ready()]);
  await ben.hook("SessionStart", { source: "startup" });
  await ann.tool("cct_send_message", { to: "ben", text: "y".repeat(15_000) });
  await until("one message is unread", async () => (await shown(home, ben)).endsWith(" ✉1"));
  await ben.tool("cct_check_messages");
  await until("none is", async () => /^CCT:[0-9a-f]{4}$/.test(await shown(home, ben)));
});

test("CCT:off is shown at once when the session server is killed, and ends when it starts again", async () => {
  const { home } = await startBroker();
  const ben = await startHost(home, "ben");
  await ben.ready();
  await ben.hook("SessionStart", { source: "startup" });
  await until("it is on", async () => /^CCT:[0-9a-f]{4}$/.test(await shown(home, ben)));
  const before = await shown(home, ben);
  process.kill(ben.serverPid(), "SIGKILL");
  // It is a zombie for a moment, until its parent has waited for it.
  await until("it is off", async () => (await shown(home, ben)) === "CCT:off");
  await ben.handshake();
  await becomes(home, ben, before);
});

test("a session that ended leaves no flags, and those of a killed one are removed by the next session", async () => {
  const { home } = await startBroker();
  const [ann, ben] = [await startHost(home, "ann"), await startHost(home, "ben")];
  const file = (host: TestHost): string => join(home, "flags", String(host.pid));
  for (const host of [ann, ben]) await until("it says something", () => existsSync(file(host)));
  await ann.end();
  expect(existsSync(file(ann))).toBe(false);
  const server = ben.serverPid();
  // At once, so that neither can clear up.
  process.kill(ben.pid, "SIGSTOP");
  for (const pid of [server, ben.pid]) process.kill(pid, "SIGKILL");
  expect(existsSync(file(ben))).toBe(true);
  await until("another session clears it away", async () => {
    await (await startHost(home, "cid")).ready();
    return !existsSync(file(ben));
  });
});

test("whatever names are, the line for the script has a fixed number of words", () => {
  const name = fc.oneof(hostileText, fc.constant(""));
  const count = fc.nat({ max: 1000 });
  fc.assert(
    fc.property(name, name, count, count, fc.option(count), (mine, pool, unread, inPool, until) => {
      const all: Flags = { ...flags, name: mine, unread, pool: { name: pool, unread: inPool } };
      const line = renderFlags({ ...all, ...(until === null ? {} : { busy_until: until * 1000 }) }, 1_700_000_000_999);
      expect(line).toMatch(/^[A-Za-z0-9._-]+( [A-Za-z0-9._-]+){12}\n$/);
      const words = line.trimEnd().split(" ");
      expect([words[0], words[7], words[8], words[11]]).toEqual([
        "1700000000",
        String(until ?? 0),
        String(unread),
        String(inPool),
      ]);
    }),
  );
});
