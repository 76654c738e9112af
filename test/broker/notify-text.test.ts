/** What leaves the machine with the texts of messages, and what stays. */
import { expect, test } from "vitest";
import { withoutKeys } from "../../src/broker/notify/without-keys.ts";
import type { Need } from "../../src/rules/attention.ts";
import { HIDDEN_WHAT } from "../../src/rules/blocked-on.ts";

const need = (detail: string, what?: string): Need => ({
  need_id: "question.m1",
  kind: "question",
  at: 0,
  changed_at: 0,
  name: "ann",
  detail,
  ...(what === undefined ? {} : { what }),
});
const told = async (detail: string, what?: string) =>
  (await withoutKeys([need(detail, what)])).map((one) => [one.detail, one.what])[0];

const KEY = `ghp_${"k3Yq".repeat(9)}`;

test.each([
  ["a key of a known form", `use ${KEY} for that`],
  ["a password in words", "log in with password: hunter2"],
  ["a password in an address", "see https://ann:hunter2@example.org/"],
  ["the half of something that was cut off", `use ${KEY.slice(0, 20)}…`],
])("%s is hidden", async (_, text) => {
  expect(await told(text)).toEqual([HIDDEN_WHAT, HIDDEN_WHAT]);
  expect(await told("in /work", text)).toEqual([HIDDEN_WHAT, HIDDEN_WHAT]);
});

test.each(["Which port, 7888?", "The tests of the form pass; what comes next, and may I begin with the pay…"])(
  "%s is told",
  async (text) => {
    expect(await told(text)).toEqual([text, undefined]);
  },
);
