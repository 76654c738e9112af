/** The waiter in the real host: it wakes quickly, is the only one, and leaves nothing behind. Also permission prompts and long commands. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { placeOf, timesIn, toolResults, wakes } from "./requests.ts";
import { say, use } from "./script.ts";
import type { Session } from "./session.ts";
import { expectReadOnce, hostTest, newWord, onStage, stage } from "./stage.ts";
import { pause, until } from "./wait.ts";

let a: Session;
let b: Session;
let c: Session;

onStage(async (stage) => {
  // Tells who woke the session: what the host puts before the mail.
  const file = join(stage.home, ".claude/skills/cct/hooks/hooks.json");
  const hooks = JSON.parse(readFileSync(file, "utf8"));
  for (const { hooks: all } of hooks.hooks.FileChanged) for (const hook of all) hook.rewakeMessage = "By FileChanged:";
  writeFileSync(file, JSON.stringify(hooks));
  [a, b, c] = await Promise.all([stage.start("a"), stage.start("b"), stage.start("c")]);
});

/** The processes of ours that belong to a session: by the folder that they were told of, or the host that they serve. */
function ours(pid: number, what: "Waiter" | "any" = "any"): { pid: number; words: string[] }[] {
  const found = [];
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name) || Number(name) === pid) continue;
    try {
      const words = readFileSync(`/proc/${name}/cmdline`, "utf8").split("\0").slice(0, -1);
      const environment = readFileSync(`/proc/${name}/environ`, "utf8").split("\0");
      const parent = / [A-Z] (\d+) /.exec(readFileSync(`/proc/${name}/stat`, "utf8"))?.[1];
      const its = environment.includes(`CLAUDE_PID=${pid}`) || Number(parent) === pid;
      const isOurs = words.some((word) => word.includes("mail.sh") || word.endsWith("/dist/bin.js"));
      if (its && isOurs && (what === "any" || words.at(-1) === what)) found.push({ pid: Number(name), words });
    } catch {
      // It has ended meanwhile.
    }
  }
  return found;
}

const server = (session: Session): number =>
  Number(readFileSync(join(stage().home, ".cct", "spool", String(session.pid), "server"), "utf8").split(" ")[0]);

async function presence(name: string): Promise<string | undefined> {
  const { peers } = JSON.parse((await stage().cct("peers", "--json")).stdout);
  return peers.find((peer: { name: string }) => peer.name === name)?.presence;
}

const becomes = (name: string, what: string): Promise<unknown> =>
  until(`${name} is ${what}`, async () => (await presence(name)) === what);

const oneWaits = (session: Session): Promise<unknown> =>
  until(`one process waits for ${session.name}`, () => ours(session.pid, "Waiter").length === 1);

hostTest("the waiter wakes an idle session, before its first turn and after each later one", async () => {
  const delays: number[] = [];
  for (const turns of [0, 1, 2, 3]) {
    if (turns > 0) {
      await b.play(say(`turn ${turns}`));
      await b.turnOver();
    }
    await oneWaits(b);
    const word = newWord(`turn${turns}n`);
    const sent = await stage().cct("send", "b", word);
    const request = await b.given(word);
    delays.push(request.at - sent.answeredAt);
    // FileChanged found nothing any more.
    expect(placeOf(request, word)?.text).toContain("Mail for this session:");
    await b.turnOver();
    await expectReadOnce(b.last(), word);
  }
  await oneWaits(b);
  // A machine that is busy may be slow once.
  expect(Math.min(...delays)).toBeLessThan(5_000);
});

hostTest("ten messages within a second cause one wake", async () => {
  const words = Array.from({ length: 10 }, (_, i) => newWord(`burst${i}n`));
  await oneWaits(b);
  const before = wakes(b.last());
  expect(await stage().sendMany("b", words)).toMatchObject({ status: 0, stderr: "" });
  for (const word of words) await b.given(word);
  await b.turnOver();
  expect(wakes(b.last()) - before).toBe(1);
  for (const word of words) await expectReadOnce(b.last(), word);
});

/** A call for which the host asks its user. */
const asks = (name: string) =>
  use({ name: "Write", input: { file_path: join(stage().home, "..", "project", name), content: "new" } });

hostTest("a session at a permission prompt is blocked until its user answers", async () => {
  await b.play(asks("allowed"), use(stage().waitAt("allowed")), say("done"));
  await b.asksForPermission();
  await becomes("b", "blocked");
  // Its tool, and the file that it would write.
  await until("the operator sees what b asks for", async () => {
    const { stdout } = await stage().cct("attention");
    return /b waits for your permission to use Write .*project\/allowed/.test(stdout);
  });
  const word = newWord("dialog");
  await stage().cct("send", "b", word);
  await b.mailWaits();
  await b.allow();
  await b.given(word);
  await stage().reached("allowed");
  await becomes("b", "active");
  stage().open("allowed");
  await b.turnOver();
  await becomes("b", "idle");
  expect((await stage().cct("attention")).stdout).not.toContain("permission");
  expect(toolResults(b.last()).at(-2)?.failed).toBe(false);
  await expectReadOnce(b.last(), word);
});

hostTest("mail wakes a session whose user refused a permission", async () => {
  await b.play(asks("refused"), say("done"));
  await b.asksForPermission();
  await becomes("b", "blocked");
  await b.key("Escape");
  await b.turnStopped();
  await becomes("b", "idle");
  const word = newWord("refused");
  await stage().cct("send", "b", word);
  await b.given(word);
  await b.turnOver();
  await expectReadOnce(b.last(), word);
});

hostTest("mail that arrived at a permission prompt wakes the session after the user refused", async () => {
  for (const early of [true, false]) {
    const word = newWord(early ? "early" : "late");
    await b.play(asks(early ? "one" : "two"), say("done"));
    await b.asksForPermission();
    await stage().cct("send", "b", word);
    await b.mailWaits();
    // After a while it is handed to the host, which keeps it until the dialog is gone.
    if (!early) await b.mailTaken();
    await b.key("Escape");
    await b.given(word);
    await b.turnOver();
    await expectReadOnce(b.last(), word);
  }
});

hostTest("a session is busy while a long command runs", async () => {
  await b.play(use(stage().waitAt("long")), say("done"));
  await stage().reached("long");
  await becomes("b", "active");
  await becomes("b", "busy");
  stage().open("long");
  await becomes("b", "idle");
  await b.turnOver();
});

hostTest("a session whose waiter was killed is still woken, as its sender was told", async () => {
  await oneWaits(b);
  for (const { pid } of ours(b.pid, "Waiter")) process.kill(pid, "SIGKILL");
  await until("nothing waits for b", () => ours(b.pid, "Waiter").length === 0);
  const word = newWord("unwaited");
  expect((await stage().cct("send", "b", word)).stdout).toContain("queued for b: idle and will be woken");
  const request = await b.given(word);
  expect(placeOf(request, word)?.text).toContain("By FileChanged:");
  await b.turnOver();
  await expectReadOnce(b.last(), word);
  await oneWaits(b);
});

hostTest("what the host calls a session is its alias", async () => {
  const { peers } = JSON.parse((await stage().cct("peers", "--json")).stdout);
  const file = join(stage().home, ".claude/sessions", `${b.pid}.json`);
  const { name } = JSON.parse(readFileSync(file, "utf8"));
  const alias = peers.find((peer: { name: string }) => peer.name === "b")?.alias;
  expect(alias).toBe(name.toLowerCase());
  expect((await stage().cct("send", alias, newWord("alias"))).stdout).toMatch(/\bb(:| is) idle/);
  await b.turnOver();
});

hostTest("a killed session server is told to senders and, once, to its user", async () => {
  process.kill(server(c), "SIGKILL");
  const word = newWord("unserved");
  await until("its senders are told", async () =>
    (await stage().cct("send", "c", `${word} ${performance.now()}`)).stdout.includes("its session server is gone"),
  );
  for (const turn of [1, 2]) {
    await c.play(say(`turn ${turn}`));
    await c.turnOver();
  }
  const screen = await c.history();
  expect(screen.match(/session server of this session has died/g)).toHaveLength(1);
  expect(timesIn(c.last(), "has died")).toBe(0);
});

/** Ten sessions for so many minutes; without it three for forty seconds. */
const minutes = Number(process.env.CCT_IDLE_MINUTES ?? 0);

hostTest("idle sessions send their model no requests", idle, 300 + minutes * 80);

async function idle(): Promise<void> {
  const more: Session[] = [];
  // One after the other: to start is work, and two cores may be all there is.
  for (let i = 0; i < (minutes > 0 ? 8 : 1); i++) more.push(await stage().start(`idle${i}`));
  const all = [a, b, ...more];
  for (const one of all) await oneWaits(one);
  const asked = all.map((one) => one.requests().length);
  const cpu = all.flatMap((one) => ours(one.pid, "Waiter")).map(({ pid }) => ticks(pid));
  await pause(minutes > 0 ? minutes * 60_000 : 40_000);
  expect(all.map((one) => one.requests().length)).toEqual(asked);
  // To wait costs nothing: at most a look per minute whether the host still lives.
  const later = all.flatMap((one) => ours(one.pid, "Waiter")).map(({ pid }) => ticks(pid));
  expect(later.map((now, i) => now - (cpu[i] ?? 0)).filter((used) => used > minutes + 1)).toEqual([]);
}

/** A process's time on the processor, in hundredths of a second. */
function ticks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return Number(fields[11]) + Number(fields[12]);
}

hostTest("no process of CCT is left when the host exits or is killed", async () => {
  for (const one of [a, b]) await oneWaits(one);
  expect(ours(a.pid).length).toBeGreaterThanOrEqual(2);
  await b.exit();
  await until("nothing of b's is left", () => ours(b.pid).length === 0);
  const left = ours(a.pid);
  process.kill(a.pid, "SIGKILL");
  await until("nothing of a's is left", () => left.every(({ pid }) => !existsSync(`/proc/${pid}`)));
});
