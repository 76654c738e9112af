/** Invalid input for pools, votes and busy signals: every refusal names the field, and changes nothing. */
import { beforeAll, describe, test } from "vitest";
import type { OperationName } from "../../src/operations/index.ts";
import type { TestPeer } from "../support/peers.ts";
import { type RefusalSetup, setUpRefusals } from "../support/refusals.ts";

let ann: TestPeer;
let ben: TestPeer;
let zoe: TestPeer;
let open: string;
let refusedWith: RefusalSetup["refusedWith"];
beforeAll(async () => {
  ({ ann, ben, zoe, open, refusedWith } = await setUpRefusals());
});

const words: [string, string][] = [
  ["nothing", ""],
  ["white space", " \n\t"],
  ["a NUL", "a\0b"],
  ["an escape sequence", "\u001b[31mred"],
  ["a C1 control", "\u009b1A"],
  ["a DEL", "\u007f"],
  ["half a surrogate pair", "\ud800"],
  ["only invisible characters", "\u200b\u2066"],
  ["too many characters", "x".repeat(1001)],
];

describe.each(words)("text that is or contains %s", (_, text) => {
  test("is refused as a purpose", () =>
    refusedWith(400, /purpose/, "create_pool", { name: "fresh", purpose: text }, ann));
  test("is refused as a name", () => refusedWith(400, /name/, "create_pool", { name: text, purpose: "x" }, ann));
  test("is refused as a role", async () => {
    await refusedWith(400, /role/, "join_pool", { pool: "foreign", role: text }, ann);
    await refusedWith(400, /role/, "invite_to_pool", { pool: "own", peer: "zoe", role: text }, ann);
  });
  test("is refused as a reason to be busy", () =>
    refusedWith(400, /reason/, "set_busy", { reason: text, estimate_seconds: 60 }, ann));
});

test("a role of 33 characters and a purpose of 501 are too long", async () => {
  await refusedWith(400, /33 characters; the limit is 32/, "join_pool", { pool: "foreign", role: "x".repeat(33) }, ann);
  await refusedWith(
    400,
    /501 characters; the limit is 500/,
    "create_pool",
    { name: "fresh", purpose: "x".repeat(501) },
    ann,
  );
});

test.each(["own", "OWN", "@own", "a b", "-x", "x/y", "x".repeat(41)])("a pool cannot be named %j", (name) =>
  refusedWith(/^own$/i.test(name) ? 409 : 400, /name/, "create_pool", { name, purpose: "x" }, zoe),
);

test.each([0, -1, -3600, 0.5, 86_401, 1e300, "60", null, undefined])(
  "an estimate of %j seconds is refused, and the current busy signal stays",
  (estimate_seconds) => refusedWith(400, /estimate_seconds/, "set_busy", { reason: "x", estimate_seconds }, ben),
);

test.each<OperationName>(["set_busy", "set_ready", "join_pool", "leave_pool", "vote_release"])(
  "%s is refused to the operator",
  async (operation) => {
    const input = {
      set_busy: { reason: "x", estimate_seconds: 1 },
      vote_release: { proposal_id: open, vote: "no" },
      join_pool: { pool: "own" },
      leave_pool: { pool: "own" },
    }[operation as string];
    await refusedWith(403, /for registered peers/, operation, input ?? {}, undefined);
  },
);
