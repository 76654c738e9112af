/** `cct doctor` says what works, what does not, and what to do about it. */
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test as inTurn } from "vitest";
import { runCommand } from "../hooks/hook.ts";
import { ok } from "../support/api.ts";
import { type CctRun, success } from "../support/cct.ts";
import { root, tempHome } from "../support/folders.ts";
import { canMount, notRun, withOwnDisk } from "../support/not-run.ts";
import { newPeer, stayAlive } from "../support/peers.ts";
import { newPerson, type Person, personWithBroker } from "./person.ts";

// Each test has a home of its own, so that they may run side by side.
const test = inTurn.concurrent;

interface Finding {
  check: string;
  verdict: "ok" | "warning" | "failed";
  found: string;
}

function findings(run: CctRun): Finding[] {
  // The probe's session server may have a word to say of what is wrong; nobody has more than lines.
  expect(run.stderr).toMatch(/^(cct: [^\n]+\n)*$/);
  return JSON.parse(run.stdout).findings;
}

const verdicts = (all: Finding[]) => Object.fromEntries(all.map(({ check, verdict }) => [check, verdict]));
const found = (all: Finding[], check: string): string => all.find((one) => one.check === check)?.found ?? "";

/** The person's PATH begins with a `claude` of this version. */
function withClaude(person: Person, version: string): Record<string, string> {
  const bin = join(person.home, "bin");
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, "claude"), `#!/bin/sh\necho '${version} (Claude Code)'\n`, { mode: 0o755 });
  return { PATH: `${bin}:/usr/bin:/bin` };
}

test("if all is well, every check and rung is ok and a probe message arrives", async () => {
  const person = await personWithBroker();
  const env = withClaude(person, "2.1.330");
  success(await person.cctWith({ env }, "install"));
  const said = success(await person.cctWith({ env }, "doctor"));
  expect(said).toMatch(/✓ delivery: mail reaches busy sessions beside tool results and wakes idle ones\n/);
  expect(said).toMatch(/✓ probe: a message arrived in \d+ ms\n\nAll is well\. Details: cct doctor --verbose\n$/);
  expect(said).not.toMatch(/[✗!] |rung/);
  const details = success(await person.cctWith({ env }, "doctor", "--verbose"));
  expect(details).toMatch(/✓ probe: a message went through broker, spool .* and hook/);
  expect(details).toMatch(/✓ rung waiter: /);
  const all = findings(await person.cctWith({ env }, "doctor", "--json"));
  expect(new Set(all.map((one) => one.verdict))).toEqual(new Set(["ok"]));
  expect(found(all, "Claude Code")).toBe("2.1.330");
  expect(found(all, "install")).toBe("in place (plugin, hooks: bash)");
  expect(found(all, "status line")).toBe("shows CCT");
  expect(all.filter((one) => one.check.startsWith("rung ")).length).toBeGreaterThanOrEqual(6);

  // It leaves nothing: no message, no cost, no session that is away, no file of its own.
  expect(JSON.parse(success(await person.cct("messages", "--json"))).messages).toEqual([]);
  expect(JSON.parse(success(await person.cct("cost", "--json")))).toMatchObject({ peers: [], pools: [] });
  expect(JSON.parse(success(await person.cct("peers", "--all", "--json"))).peers).toEqual([]);
  for (const folder of ["peers", "pidmaps", "spool", "flags"])
    expect([folder, readdirSync(join(person.cctHome, folder))]).toEqual([folder, []]);
  expect(JSON.parse(success(await person.cct("status", "--json")))).toMatchObject({ live: 0, waiting: 0 });
});

test("an old Claude Code or a missing installation gives warnings with a remedy", async () => {
  const person = await personWithBroker();
  const env = withClaude(person, "2.1.80");
  const before = await person.cctWith({ env }, "doctor", "--json");
  expect(before.code).toBe(0);
  expect(verdicts(findings(before))).toMatchObject({ install: "warning", "Claude Code": "ok", probe: "ok" });
  expect(found(findings(before), "install")).toMatch(/not installed.*cct up/);
  success(await person.cctWith({ env }, "install"));
  const after = findings(await person.cctWith({ env }, "doctor", "--json"));
  expect(verdicts(after)).toMatchObject({
    install: "ok",
    "rung PreToolUse deny": "ok",
    "rung PreToolUse inject": "warning",
    "rung FileChanged wake": "warning",
  });
  expect(found(after, "rung FileChanged wake")).toMatch(/not live: needs Claude Code 2\.1\.112/);
  // Claude Code was updated since.
  const newer = withClaude(person, "2.1.330");
  expect(found(findings(await person.cctWith({ env: newer }, "doctor", "--json")), "install")).toMatch(
    /not up to date.*cct up/,
  );
});

test("without a broker, that check fails and says how to start one, and none is started", async () => {
  const person = newPerson();
  const run = await person.cctWith({ env: withClaude(person, "2.1.330") }, "doctor", "--json");
  const after = await person.cct("status", "--json");
  await person.cct("kill");
  expect(run.code).toBe(1);
  expect(verdicts(findings(run))).toMatchObject({ node: "ok", settings: "ok", home: "ok", broker: "failed" });
  expect(found(findings(run), "broker")).toMatch(/none is running.*cct start/);
  expect(JSON.parse(after.stdout).running).toBe(false);
});

test("an unusable home fails its check with the reason, and the other checks still run", async () => {
  const person = newPerson();
  mkdirSync(join(person.home, "elsewhere"));
  symlinkSync(join(person.home, "elsewhere"), person.cctHome);
  const run = await person.cctWith({ env: withClaude(person, "2.1.330") }, "doctor", "--json");
  expect(run.code).toBe(1);
  expect(verdicts(findings(run))).toMatchObject({ node: "ok", home: "failed", "Claude Code": "ok" });
  expect(found(findings(run), "home")).toMatch(/symbolic link/);
});

const FULL = "the disk is full: the home's check fails and says so, and no probe is tried";
inTurn.skipIf(!canMount() && notRun(FULL, "needs Linux, root and mount namespaces"))(FULL, async () => {
  const home = tempHome();
  const script = 'mkdir -p -m 700 "$0/log" && head -c 2m /dev/zero >"$0/log/filler"; exec "$@"';
  const command = ["sh", "-c", script, home, process.execPath, join(root, "dist/bin.js"), "doctor", "--json"];
  const [program, args] = withOwnDisk(dirname(home), "512k", command);
  const env = { PATH: process.env.PATH, HOME: dirname(home), CCT_HOME: home, CCT_PORT: "0" };
  const all: Finding[] = JSON.parse((await runCommand([program, ...args], env, "")).stdout).findings;
  expect(verdicts(all)).toMatchObject({ settings: "ok", home: "failed", probe: "warning" });
  expect(found(all, "home")).toMatch(/cannot be written: the disk is full \(ENOSPC\), in .*Mail waits at the broker/);
});

test("a session cannot write its mail: a warning names it", async () => {
  const person = await personWithBroker();
  const peer = await newPeer(person.broker, "stuck");
  const { host_pid } = peer.place;
  await ok(person.broker, "heartbeat", { host_pid, hooks: "unwritable", held: [] }, peer);
  stayAlive(person.broker, peer);
  const all = findings(await person.cctWith({ env: withClaude(person, "2.1.330") }, "doctor", "--json"));
  expect(found(all, "session stuck")).toMatch(/cannot write mail on .*its disk may be full/);
  expect(success(await person.cct("peers"))).toMatch(/stuck +idle, cannot write mail/);
});

test("invalid settings fail their check, which names the place", async () => {
  const person = newPerson();
  mkdirSync(person.cctHome, { mode: 0o700 });
  writeFileSync(join(person.cctHome, "config.json"), "{ cut");
  const run = await person.cct("doctor", "--json");
  expect(run.code).toBe(1);
  expect(verdicts(findings(run))).toMatchObject({ node: "ok", settings: "failed", home: "ok" });
  expect(found(findings(run), "settings")).toContain(join(person.cctHome, "config.json"));
});
