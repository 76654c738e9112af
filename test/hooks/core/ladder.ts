/**
 * The stages of mail that was shown, in the names of its files: `done` (printed), `seen` (in the model's next request), `read`
 * (the model continued after that). Mail that the model has not answered never counts as read.
 */
import { describe, expect, test as inTurn } from "vitest";
import { type Event, input, mailFile, newSpool, silence, takers } from "../hook.ts";

// Each test has a home of its own, so that they may run side by side.
const test = inTurn.concurrent;

/** A subagent's event, or a call of a tool that leaves the mail alone. */
type Step = Event | "sub PreToolUse" | "sub PostToolBatch" | "ToolSearch";

/** Hosts that report the end of a batch. Each row: the hook that shows the mail, what follows, and the stage then. */
const BATCHES: [Event, Step[], string][] = [
  ["PreToolUse", [], "done"],
  // Calls of one batch run side by side: a second one is no answer.
  ["PreToolUse", ["PreToolUse", "PreToolUse", "ToolSearch"], "done"],
  ["PreToolUse", ["PostToolBatch"], "seen"],
  ["PreToolUse", ["PreToolUse", "PostToolBatch"], "seen"],
  ["PreToolUse", ["PostToolBatch", "PreToolUse"], "read"],
  ["PreToolUse", ["PostToolBatch", "PostToolBatch"], "read"],
  ["PreToolUse", ["PostToolBatch", "ToolSearch"], "read"],
  ["PreToolUse", ["PostToolBatch", "Stop"], "read"],
  ["PreToolUse", ["Stop"], "read"],
  ["PreToolUse", ["StopFailure"], "done"],
  ["PreToolUse", ["PostToolBatch", "StopFailure"], "seen"],
  ["PreToolUse", ["SessionEnd"], "done"],
  ["PreToolUse", ["FileChanged", "SessionStart"], "done"],
  ["PreToolUse", ["sub PreToolUse", "sub PostToolBatch", "sub PreToolUse"], "done"],
  ["PreToolUse", ["PostToolBatch", "sub PreToolUse", "sub PostToolBatch"], "seen"],
  ["PostToolBatch", [], "seen"],
  ["PostToolBatch", ["PreToolUse"], "read"],
  ["PostToolBatch", ["PostToolBatch"], "read"],
  ["PostToolBatch", ["Stop"], "read"],
  ["PostToolBatch", ["sub PreToolUse", "StopFailure"], "seen"],
  ["UserPromptSubmit", [], "seen"],
  ["UserPromptSubmit", ["PreToolUse"], "read"],
  ["UserPromptSubmit", ["PostToolBatch"], "read"],
  ["UserPromptSubmit", ["Stop"], "read"],
  ["UserPromptSubmit", ["StopFailure"], "seen"],
  ["Stop", [], "seen"],
  ["Stop", ["PreToolUse"], "read"],
  ["Stop", ["Stop"], "read"],
  ["Stop", ["StopFailure", "SessionEnd"], "seen"],
  ["FileChanged", [], "done"],
  ["FileChanged", ["UserPromptSubmit"], "done"],
  ["FileChanged", ["UserPromptSubmit", "PreToolUse"], "done"],
  ["FileChanged", ["UserPromptSubmit", "PreToolUse", "PostToolBatch"], "seen"],
  ["FileChanged", ["UserPromptSubmit", "PreToolUse", "PostToolBatch", "PreToolUse"], "read"],
  ["FileChanged", ["UserPromptSubmit", "Stop"], "read"],
  ["FileChanged", ["StopFailure"], "done"],
];

/** Hosts that do not report it: the next call is the only evidence. */
const NO_BATCHES: [Event, Step[], string][] = [
  ["PreToolUse", [], "done"],
  ["PreToolUse", ["PreToolUse"], "read"],
  ["PreToolUse", ["ToolSearch"], "read"],
  ["PreToolUse", ["Stop"], "read"],
  ["PreToolUse", ["sub PreToolUse"], "done"],
  ["UserPromptSubmit", ["PreToolUse"], "read"],
  ["UserPromptSubmit", ["Stop"], "read"],
  ["Stop", ["PreToolUse"], "read"],
  ["Stop", ["Stop"], "read"],
  ["FileChanged", ["UserPromptSubmit"], "done"],
  ["FileChanged", ["UserPromptSubmit", "PreToolUse"], "read"],
  ["FileChanged", ["UserPromptSubmit", "Stop"], "read"],
];

export function ladderCases(shell: string): void {
  async function walk(batches: boolean, taker: Event, steps: Step[]): Promise<string> {
    const spool = newSpool({ shell });
    if (batches) await spool.run("PostToolBatch");
    spool.put();
    await spool.run(taker);
    for (const step of steps) {
      const [event, fields, by] = asEvent(step);
      expect(await spool.run(event, {}, { stdin: JSON.stringify(input(event, fields, by)) })).toMatchObject({
        status: 0,
        stderr: "",
      });
    }
    return spool.stage();
  }

  describe("if the host reports the end of a batch", () => {
    test.each(BATCHES)("mail shown at %s, then %j: %s", async (taker, steps, stage) => {
      expect(await walk(true, taker, steps)).toBe(stage);
    });
  });

  describe("if the host does not report the end of a batch", () => {
    test.each(NO_BATCHES)("mail shown at %s, then %j: %s", async (taker, steps, stage) => {
      expect(await walk(false, taker, steps)).toBe(stage);
    });
  });

  test("several mail files advance together, each complete and under its own name", async () => {
    const spool = newSpool({ shell });
    await spool.run("PostToolBatch");
    const texts = ["first", "second", "third"];
    for (const text of texts) {
      spool.put({ text });
      await spool.run("PreToolUse");
    }
    const names = (stage: string) => spool.mailFiles().map((name) => name.replace(`${stage}.`, ""));
    const given = names("done").sort();
    expect(given).toHaveLength(3);
    await spool.run("PostToolBatch");
    expect(names("seen").sort()).toEqual(given);
    await spool.run("PreToolUse");
    expect(names("read").sort()).toEqual(given);
    expect(spool.mailFiles().map(spool.read).sort()).toEqual(texts.map((text) => mailFile({ text })).sort());
  });

  test("one tool call both confirms the previous mail as read and brings the next", async () => {
    const spool = newSpool({ shell });
    spool.put();
    await spool.run("PostToolBatch");
    spool.put({ text: "the next" });
    await spool.run("PreToolUse");
    expect(
      spool
        .mailFiles()
        .map((name) => name.split(".")[0])
        .sort(),
    ).toEqual(["done", "read"]);
  });

  test("mail that was read stays read and is not shown again", async () => {
    const spool = newSpool({ shell });
    spool.put();
    await spool.run("UserPromptSubmit");
    await spool.run("PreToolUse");
    for (const event of takers) expect(await spool.run(event)).toEqual(silence);
    expect(spool.stage()).toBe("read");
  });
}

function asEvent(step: Step): [Event, Record<string, unknown>, "main" | "subagent"] {
  if (step === "ToolSearch") return ["PreToolUse", { tool_name: "ToolSearch" }, "main"];
  if (step === "sub PreToolUse") return ["PreToolUse", {}, "subagent"];
  if (step === "sub PostToolBatch") return ["PostToolBatch", {}, "subagent"];
  return [step, {}, "main"];
}
