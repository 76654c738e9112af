/** What a second try sends: never the same text twice, and never another text under the first one's id. */
import { expect, test } from "vitest";
import { type Attempt, attemptOf, isTried, type Outgoing } from "../../../src/rules/talk/attempt.ts";

let ids = 0;
const newId = (): string => `id-${++ids}`;
const first: Outgoing = { to: "ben", text: "hello", urgency: "normal" };
const tried: Attempt = attemptOf(undefined, first, newId);

test("a message that is tried again as it was keeps its id", () => {
  expect(attemptOf(tried, { ...first }, newId)).toBe(tried);
  expect(isTried(tried, first)).toBe(true);
});

test.each<[string, Partial<Outgoing>]>([
  ["text", { text: "hello!" }],
  ["address", { to: "bea" }],
  ["urgency", { urgency: "interrupt" }],
  ["answer", { reply_to: "m1" }],
])("with another %s it is another message", (_what, other) => {
  expect(attemptOf(tried, { ...first, ...other }, newId).message_id).not.toBe(tried.message_id);
  expect(isTried(tried, { ...first, ...other })).toBe(false);
});
