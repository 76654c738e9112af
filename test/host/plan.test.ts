/** A session in plan mode, in which the host asks its user before anything that changes something. */
import { expect } from "vitest";
import { timesIn, toolResults, wakes } from "./requests.ts";
import { cct, say, use } from "./script.ts";
import type { Session } from "./session.ts";
import { expectReadOnce, hostTest, newWord, onStage, stage } from "./stage.ts";

let a: Session;
let planner: Session;

onStage(async (stage) => {
  [a, planner] = await Promise.all([stage.start("a"), stage.start("planner", { args: ["--permission-mode", "plan"] })]);
});

hostTest("mail wakes it", async () => {
  const word = newWord("planned");
  await a.send({ to: "planner", text: word });
  const request = await planner.given(word);
  expect(wakes(request)).toBe(1);
  await planner.turnOver();
  await expectReadOnce(planner.last(), word);
  expect(await planner.screen()).toMatch(/plan mode on/);
});

hostTest("mail appears beside a tool's result, and with a prompt", async () => {
  const [beside, low] = [newWord("beside"), newWord("low")];
  await a.send({ to: "planner", text: low, urgency: "low" });
  await planner.mailWaits();
  await planner.play({ ...use(cct("list_peers")), gate: "plan" }, say("done"));
  expect(timesIn(planner.last(), low)).toBe(1);
  await Promise.all([a.send({ to: "planner", text: beside }), planner.mailWaits().then(() => stage().open("plan"))]);
  await planner.turnOver();
  expect(wakes(planner.last())).toBe(1);
  for (const word of [low, beside]) await expectReadOnce(planner.last(), word);
});

hostTest("its model reads mail and lists peers without a dialog; before it sends, the user is asked", async () => {
  const [word, answer] = [newWord("check"), newWord("answer")];
  const before = toolResults(planner.last()).length;
  await planner.play(
    { ...use(cct("check_messages"), cct("list_peers")), gate: "check" },
    use(cct("send_message", { to: "a", text: answer })),
    say("done"),
  );
  // Low mail comes with a prompt or a check, and with nothing else.
  await a.send({ to: "planner", text: word, urgency: "low" });
  await planner.mailWaits();
  stage().open("check");
  // The first dialog is the one of the send: both tools before it have answered.
  await planner.asksForPermission();
  const [checked, listed, ...more] = toolResults(planner.last()).slice(before);
  expect(more).toEqual([]);
  expect(checked).toMatchObject({ failed: false, text: expect.stringContaining(word) });
  expect(listed).toMatchObject({ failed: false });
  await planner.allow();
  await a.given(answer);
  await planner.turnOver();
  await expectReadOnce(planner.last(), word);
});
