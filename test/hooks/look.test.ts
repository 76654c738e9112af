/** What `hooks.json` does itself before it loads the script: the same as the script would do, or nothing. */
import { mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test as inTurn } from "vitest";
import { type Event, mailFile, newSpool, silence, type TestSpool } from "./hook.ts";

// Each test has a home of its own, so that they may run side by side.
const test = inTurn.concurrent;

const SHOWN = 'normal inject message-0000:1\n"old"\nold\n';

/** What a hook left for the next one. */
const leave = (name: string, content: string) => (spool: TestSpool) => {
  spool.write(name, content);
  spool.write("due", "");
};

/** What may lie in a session's spool when a hook runs. */
const SPOOLS: Record<string, (spool: TestSpool) => void> = {
  "nothing happened": () => {},
  "its host reports no batches": (spool) => rmSync(join(spool.folder, "batches")),
  "mail waits": (spool) => spool.put(),
  "mail was shown": leave("done.1-1", SHOWN),
  "mail was seen": leave("seen.1-1", SHOWN),
  "a dialog is open": leave("dialog", "open\n"),
  "a command runs": (spool) => spool.write("tool", "running\n"),
  "mail woke it": leave("woke", '"CCT mail from web: hello"\n'),
  "mail continued its turn": leave("stops", "2\n"),
  "its server has died": (spool) => spool.write("server", "99999999 1\n"),
  "no server has started": (spool) => spool.write("server", ""),
  "a folder is in the place of a fact": (spool) => mkdirSync(join(spool.folder, "tool")),
};
const NAMES = ["state", "dialog", "tool", "stops", "woke", "told", "batches"];

const seen = (spool: TestSpool) => ({
  mail: spool.mailFiles().map((name) => name.split(".")[0]),
  notes: NAMES.map((name) => [name, spool.note(name)]),
});

describe.each<Event>(["PreToolUse", "PostToolBatch", "UserPromptSubmit", "Stop"])("%s", (event) => {
  test.each(Object.keys(SPOOLS))("(%s) does what the script alone does", async (kind) => {
    const spools = [newSpool(), newSpool()];
    const runs = [];
    for (const [i, spool] of spools.entries()) {
      spool.write("state", "active /\n");
      spool.write("batches", "");
      spool.write("server", `${process.pid} 1\n`);
      SPOOLS[kind]?.(spool);
      runs.push(await spool.run(event, {}, i === 0 ? {} : { more: [] }));
    }
    expect(runs[0]).toEqual(runs[1]);
    expect(spools.map(seen)[0]).toEqual(spools.map(seen)[1]);
  });
});

test("the mark is gone when nothing is left for the next hook, and there as long as something is", async () => {
  const spool = newSpool();
  const due = () => spool.note("due") !== undefined;
  const steps: [Event | "put", boolean][] = [
    ["SessionStart", false],
    ["UserPromptSubmit", false],
    ["PostToolBatch", false],
    ["put", false],
    ["PreToolUse", true],
    ["PostToolBatch", true],
    ["PostToolBatch", false],
    ["PermissionRequest", true],
    ["PostToolBatch", false],
    ["put", false],
    ["Stop", true],
    ["UserPromptSubmit", true],
    ["Stop", false],
    ["put", false],
    ["FileChanged", true],
    ["UserPromptSubmit", true],
    ["Stop", false],
  ];
  for (const [i, [step, isDue]] of steps.entries()) {
    if (step === "put") spool.put({ line: "CCT mail from web" });
    else await spool.run(step);
    expect([i, step, due()]).toEqual([i, step, isDue]);
  }
  expect(spool.mailFiles().map((name) => name.split(".")[0])).toEqual(["read", "read", "read"]);
});

test("two hooks that settle and show at the same moment lose nothing", async () => {
  for (let round = 0; round < 3; round++) {
    const spool = newSpool();
    await spool.run("PostToolBatch");
    spool.write("seen.1-1", SHOWN);
    spool.write("due", "");
    spool.put();
    // One settles the earlier mail while the other shows the next.
    await Promise.all([spool.run("PostToolBatch"), spool.run("PreToolUse"), spool.run("PostToolBatch")]);
    for (let i = 0; i < 3; i++) await spool.run("PostToolBatch");
    expect(spool.mailFiles().map((name) => name.split(".")[0])).toEqual(["read", "read"]);
    expect(spool.note("due")).toBe(undefined);
  }
});

test("a state, or a mark, that another user could have planted is not followed", async () => {
  for (const event of ["UserPromptSubmit", "Stop", "PostToolBatch"] as const) {
    const spool = newSpool();
    const precious = join(spool.home, "precious");
    spool.write("../../precious", "precious\n");
    for (const name of ["state", "tool", "dialog", "due"]) symlinkSync(precious, join(spool.folder, name));
    expect(await spool.run(event)).toEqual(silence);
    expect(spool.read("../../precious")).toBe("precious\n");
  }
  const spool = newSpool();
  spool.write("mail", mailFile());
  symlinkSync(spool.home, `${spool.home}-link`);
  const env = { CCT_HOME: `${spool.home}-link/` };
  for (const event of ["UserPromptSubmit", "Stop"] as const)
    expect(await spool.run(event, {}, { env })).toEqual(silence);
  expect(spool.note("state")).toBe(undefined);
});
