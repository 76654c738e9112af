/** A Claude Code that is too old for injected context and wakes: hooks in its settings, and mail that denies a tool call. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { OLD_HOST_VERSION } from "./needs.ts";
import { timesIn, toolResults } from "./requests.ts";
import { bash, classicCct, say, use } from "./script.ts";
import { hostTest, newWord, onStage, onVersion, stage } from "./stage.ts";

onVersion(OLD_HOST_VERSION);
onStage(async () => {});

hostTest(`an old host (${OLD_HOST_VERSION}) gets hooks in its settings, and doctor says what it lacks`, async () => {
  const settings = readFileSync(join(stage().home, ".claude", "settings.json"), "utf8");
  expect(settings).toContain("PreToolUse block # cct");
  expect(settings).not.toContain("FileChanged");
  const { stdout } = await stage().cct("doctor", "--verbose");
  expect(stdout).toMatch(/rung PreToolUse inject: not live: needs Claude Code 2\.1\.110/);
  expect(stdout).toMatch(/✓ rung PreToolUse deny/);
});

hostTest("on an old host, mail that arrives during a turn denies one tool call, and CCT's own tools run", async () => {
  const word = newWord("old");
  const run = stage().print("old", [
    use(stage().waitAt("old")),
    use(classicCct("list_peers")),
    use(bash("echo held")),
    use(bash("echo runs")),
    say("all done"),
  ]);
  await stage().reached("old");
  await stage().registered("old");
  expect((await stage().cct("send", "old", word)).status).toBe(0);
  await stage().becomes(word, "claimed");
  stage().open("old");
  const { status, stdout } = await run;

  expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringContaining("all done") });
  const last = stage().log.of("old").at(-1);
  expect(toolResults(last).map(({ failed }) => failed)).toEqual([false, false, true, false]);
  expect(toolResults(last)[2]?.text).toContain(`| ${word}`);
  // By the hook, and not by the server, too.
  expect(timesIn(last, "CCT connects this session")).toBe(1);
  // Such a host shows a reason twice: as the tool's result, and as a reminder.
  expect(timesIn(last, word)).toBe(2);
  await stage().becomes(word, "read");
});

hostTest("on an old host, mail that arrives at the end of a turn continues it, where that is asked for", async () => {
  const word = newWord("end");
  const run = stage().print("ender", [{ ...say("all done"), gate: "ending" }], { CCT_DELIVERY: "stop" });
  await stage().asked("ender");
  await stage().registered("ender");
  expect((await stage().cct("send", "ender", word)).status).toBe(0);
  await stage().becomes(word, "claimed");
  stage().open("ending");
  expect((await run).status).toBe(0);
  const requests = stage().log.of("ender");
  expect(timesIn(requests.at(-1), word)).toBeGreaterThan(0);
  await stage().becomes(word, "read");
});
