/** Mail for `claude -p`: it cannot be woken, so it must get its mail before it ends. */
import { expect } from "vitest";
import { timesIn, toolResults } from "./requests.ts";
import { bash, say, use } from "./script.ts";
import type { Session } from "./session.ts";
import { expectReadOnce, hostTest, newWord, onStage, stage } from "./stage.ts";

let a: Session;

onStage(async (stage) => {
  a = await stage.start("a");
});

hostTest("in claude -p, mail that arrives while a tool runs appears in the same turn", async () => {
  const word = newWord("tool");
  const run = stage().print("printer", [use(stage().waitAt("printing")), use(bash("echo two")), say("all done")]);
  await stage().reached("printing");
  await a.send({ to: "printer", text: word });
  await stage().becomes(word, "claimed");
  stage().open("printing");
  const { status, stdout, stderr } = await run;

  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toContain("all done");
  const requests = stage().log.of("printer");
  expect(timesIn(requests[1], word)).toBe(1);
  expect(toolResults(requests.at(-1)).map(({ failed }) => failed)).toEqual([false, false]);
  await expectReadOnce(requests.at(-1), word);
});

hostTest("in claude -p, mail that arrives at the end of the turn continues it", async () => {
  const word = newWord("end");
  const run = stage().print("ender", [{ ...say("all done"), gate: "ending" }]);
  await stage().asked("ender");
  await stage().registered("ender");
  await a.send({ to: "ender", text: word });
  await stage().becomes(word, "claimed");
  stage().open("ending");
  const { status } = await run;

  expect(status).toBe(0);
  const requests = stage().log.of("ender");
  expect(requests.length).toBe(2);
  await expectReadOnce(requests.at(-1), word);
});
