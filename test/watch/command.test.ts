/** Where `cct watch` cannot be: it says so, and what to use. */
import { expect, test } from "vitest";
import { newPerson } from "../cli/person.ts";
import { wrongUsage } from "../support/cct.ts";

test("without a terminal it is wrong usage, and says what to use in a pipe", async () => {
  expect(wrongUsage(await newPerson().cct("watch"))).toBe(
    "cct watch needs a terminal for its screen and keys. In a pipe, use: cct tail",
  );
});
