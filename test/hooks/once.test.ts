/** Exactly one hook takes mail, and it is in exactly one file at every moment, whatever runs concurrently or is killed. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test as inTurn } from "vitest";
import { tempFolder } from "../support/folders.ts";
import { times } from "../support/soak.ts";
import { until } from "../support/wait.ts";
import { beside, type Event, mailFile, newSpool, said, silence, type TestSpool, takers } from "./hook.ts";

// Each test has a home of its own, so that they may run side by side.
const test = inTurn.concurrent;

const shown = (run: { stdout: string; stderr: string }): boolean =>
  run.stdout.includes("CCT mail") || run.stderr.includes("CCT mail");

/** The mail as it lies there, whole, in one file; and at which stage. */
function whole(spool: TestSpool): string {
  const names = spool.mailFiles();
  expect(names).toHaveLength(1);
  expect(spool.read(names[0] ?? "")).toBe(mailFile());
  return spool.stage();
}

test("twenty tool calls at once show mail exactly once, and the others pass", async () => {
  for (let round = 0; round < times(1, 3); round++) {
    const spool = newSpool();
    spool.put();
    const runs = await Promise.all(Array.from({ length: 20 }, () => spool.run("PreToolUse")));
    expect(runs.filter(shown).map(said)).toEqual([beside("PreToolUse")]);
    expect(runs.filter((run) => !shown(run))).toHaveLength(19);
    for (const run of runs) expect(run).toMatchObject({ status: 0, stderr: "" });
    // Another of the calls may have come so late that it counts as the model's answer, where no batch's end is told.
    expect(["done", "read"]).toContain(whole(spool));
  }
});

test("hooks of all kinds at once show mail exactly once", async () => {
  for (let round = 0; round < times(2, 4); round++) {
    const spool = newSpool();
    spool.put();
    const events = [...takers, ...takers, ...takers, ...takers];
    const runs = await Promise.all(events.map((event) => spool.run(event)));
    expect(runs.filter(shown)).toHaveLength(1);
    for (const run of runs) if (!shown(run)) expect(run).toMatchObject({ status: 0, stdout: "", stderr: "" });
    whole(spool);
  }
});

test("a hook killed at any moment leaves the mail complete in one file, marked as printed only if it was", async () => {
  for (let round = 0; round < times(20, 60); round++) {
    const spool = newSpool();
    spool.put();
    const event = takers[round % takers.length] ?? "PreToolUse";
    const run = await spool.run(event, {}, { killAfter: Math.random() * 12 });
    const stage = whole(spool);
    if (stage === "mail") expect(shown(run)).toBe(false);
    if (stage === "done" || stage === "seen") expect(shown(run)).toBe(true);
  }
});

/** A `mv` that kills the hook just before or just after the move to the stage `to`. */
function deadlyMove(to: string, when: "before" | "after"): string {
  const folder = join(tempFolder(), "bin");
  mkdirSync(folder);
  const kill = "kill -9 $PPID";
  const script = [
    "#!/bin/sh",
    "for last; do :; done",
    'real() { PATH=/usr/bin:/bin command mv "$@"; }',
    `case $last in */${to}.*) ;; *) real "$@"; exit ;; esac`,
    when === "before" ? kill : `real "$@"; ${kill}`,
    "",
  ].join("\n");
  writeFileSync(join(folder, "mv"), script, { mode: 0o755 });
  return `${folder}:${process.env.PATH}`;
}

test.each<[Event, "taken" | "done" | "seen", "before" | "after", string, boolean]>([
  ["PreToolUse", "taken", "before", "mail", false],
  ["PreToolUse", "taken", "after", "taken", false],
  ["PreToolUse", "done", "before", "taken", true],
  ["PreToolUse", "done", "after", "done", true],
  ["PostToolBatch", "taken", "after", "taken", false],
  ["PostToolBatch", "seen", "before", "taken", true],
  ["UserPromptSubmit", "seen", "before", "taken", true],
  ["Stop", "taken", "after", "taken", false],
  ["Stop", "seen", "after", "seen", true],
  ["FileChanged", "taken", "after", "taken", false],
  ["FileChanged", "done", "before", "taken", true],
])("%s killed while it moves the mail to %s (%s): the mail is in %s", async (event, to, when, stage, printed) => {
  const spool = newSpool();
  spool.put();
  const run = await spool.run(event, {}, { env: { PATH: deadlyMove(to, when) } });
  expect(run.signal).toBe("SIGKILL");
  expect(shown(run)).toBe(printed);
  expect(whole(spool)).toBe(stage);
});

test("mail that arrives while a turn ends is shown, although the session is already marked idle", async () => {
  const spool = newSpool();
  await spool.run("UserPromptSubmit");
  // Between the two steps that count the hook waits until the test lets it go on.
  const [gate, pause] = [join(tempFolder(), "gate"), join(tempFolder(), "pause.sh")];
  const isThere = '[[ $BASH_COMMAND == "[[ ! -e \\$s/mail "* ]]';
  writeFileSync(pause, `set -T; trap '${isThere} && until [[ -e ${gate} ]]; do sleep 0.01; done' DEBUG\n`);
  const ending = spool.run("Stop", {}, { env: { BASH_ENV: pause } });
  await until("the session says that it is idle", () => spool.state() === "idle");
  spool.put();
  writeFileSync(gate, "");
  expect(said(await ending)).toEqual(beside("Stop"));
});

test.each<Event>(["PreToolUse", "PostToolBatch", "UserPromptSubmit", "Stop", "FileChanged"])(
  "%s, frozen with its mail until that came again: it prints nothing, and the mail that came again is there",
  async (event) => {
    const spool = newSpool();
    spool.write("state", "idle\n");
    spool.put();
    // The hook waits where it is about to print until the test lets it go on.
    const [gate, pause] = [join(tempFolder(), "gate"), join(tempFolder(), "pause.sh")];
    const prints = `[[ $BASH_COMMAND == "show "* || $BASH_COMMAND == still_ours* || $BASH_COMMAND == "printf '%s' "* ]]`;
    writeFileSync(
      pause,
      `set -T; trap '${prints.replaceAll("'", "'\\''")} && until [[ -e ${gate} ]]; do sleep 0.01; done' DEBUG\n`,
    );
    const frozen = spool.run(event, {}, { env: { BASH_ENV: pause } });
    await until("the hook has taken the mail", () => spool.stage() === "taken");
    // As the session server does it after ten seconds.
    rmSync(join(spool.folder, spool.mailFiles()[0] ?? ""));
    spool.put({ text: "CCT mail REDELIVERED" });
    writeFileSync(gate, "");
    expect(await frozen).toEqual(silence);
    expect(spool.stage()).toBe("mail");
    if (event === "Stop") expect(spool.state()).toBe("idle");
    const next = await spool.run("UserPromptSubmit");
    expect(next.stdout).toContain("REDELIVERED");
  },
);

test.each(takers)("%s on a disk that refuses every rename: it prints nothing, and the mail stays", async (event) => {
  const spool = newSpool();
  spool.write("state", "idle\n");
  spool.put();
  const folder = join(tempFolder(), "bin");
  mkdirSync(folder);
  writeFileSync(join(folder, "mv"), "#!/bin/sh\necho 'mv: Read-only file system' >&2\nexit 1\n", { mode: 0o755 });
  expect(await spool.run(event, {}, { env: { PATH: `${folder}:${process.env.PATH}` } })).toEqual(silence);
  expect(whole(spool)).toBe("mail");
});
