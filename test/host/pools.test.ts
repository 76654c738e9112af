/** A pool of real sessions: invited, addressed together, and one of them released by vote. */
import { expect } from "vitest";
import { placeOf, timesIn, toolResults, wakes } from "./requests.ts";
import { bash, cct, say, type ToolCall, use } from "./script.ts";
import type { Session } from "./session.ts";
import { hostTest, newWord, onStage, stage } from "./stage.ts";

let a: Session;
let b: Session;
let c: Session;

onStage(async (stage) => {
  [a, b, c] = await Promise.all([stage.start("a"), stage.start("b"), stage.start("c")]);
});

/** Its model calls our tools, one after the other; none of them fails, and none asks its user. Answers with their results. */
async function call(session: Session, ...calls: ToolCall[]): Promise<string[]> {
  const before = toolResults(session.last()).length;
  await session.play(...calls.map((one) => use(one)), say("done"));
  // A session that asks its user for a permission never comes to the end of its turn.
  await session.turnOver();
  const results = toolResults(session.last()).slice(before);
  expect(results.filter(({ failed }) => failed)).toEqual([]);
  expect(results).toHaveLength(calls.length);
  return results.map(({ text }) => text);
}

const allOver = (): Promise<unknown> => Promise.all([a.turnOver(), b.turnOver(), c.turnOver()]);

hostTest("an invitation wakes the invited session and says by whom, why and what for", async () => {
  const [purpose, why] = [newWord("purpose"), newWord("why")];
  await call(
    a,
    cct("create_pool", { name: "crew", purpose }),
    cct("invite_to_pool", { pool: "crew", peer: "b", reason: why }),
    cct("invite_to_pool", { pool: "crew", peer: "c", role: "reviewer", reason: why }),
  );
  for (const session of [b, c]) {
    const told = placeOf(await session.given(purpose), purpose)?.text ?? "";
    expect(told).toContain("CCT notice · to @crew");
    expect(told).toMatch(new RegExp(`\\| a \\(peer .{4}\\) added you to the pool @crew as .*"${why}"`));
  }
  await allOver();
  expect([wakes(b.last()), wakes(c.last())]).toEqual([1, 1]);
});

hostTest(
  "a broadcast appears beside a working member's tool result, wakes an idle one, and skips its sender",
  async () => {
    const word = newWord("all");
    const before = { b: toolResults(b.last()).length, wakes: [wakes(b.last()), wakes(c.last())] };
    await b.play(use(stage().waitAt("all")), use(bash("echo two")), say("done"));
    await stage().reached("all");
    await Promise.all([a.send({ to: "@crew", text: word }), b.mailWaits().then(() => stage().open("all"))]);
    await Promise.all([b.given(word), c.given(word)]);
    await allOver();

    expect(
      toolResults(b.last())
        .slice(before.b)
        .map(({ failed }) => failed),
    ).toEqual([false, false]);
    expect([wakes(b.last()), wakes(c.last())]).toEqual([before.wakes[0], (before.wakes[1] ?? 0) + 1]);
    expect([timesIn(b.last(), word), timesIn(c.last(), word)]).toEqual([1, 1]);
    expect(toolResults(a.last()).at(-1)?.text).toContain("queued for c: ");
    const { recipients } = await stage().becomes(word, "read");
    expect(recipients.map(({ name, redelivered }) => [name, redelivered])).toEqual([
      ["b", false],
      ["c", false],
    ]);
  },
);

hostTest(
  "a vote releases one of three: each is woken once; the released one gets instructions, leaves, and hears no more",
  async () => {
    const [reason, after] = [newWord("reason"), newWord("after")];
    const before = [wakes(b.last()), wakes(c.last())];
    const [proposed = ""] = await call(a, cct("propose_release", { pool: "crew", peer: "c", reason }));
    const [, proposal_id = "no id"] = /\(proposal ([0-9a-f]{8}),/.exec(proposed) ?? [];
    await Promise.all([b.given(proposal_id), c.given(proposal_id)]);
    await allOver();
    const [voted = ""] = await call(b, cct("vote_release", { proposal_id, vote: "yes" }));
    expect(voted).toMatch(/^passed: /);

    const told = placeOf(await c.given("has released you"), "has released you")?.text ?? "";
    expect(told).toContain("2 of 3 voted yes");
    expect(told).toContain("then call cct_leave_pool");
    await allOver();
    // The vote, and for the released one its instructions; the result wakes nobody.
    expect([wakes(b.last()), wakes(c.last())]).toEqual([(before[0] ?? 0) + 1, (before[1] ?? 0) + 2]);

    await call(c, cct("leave_pool", { pool: "crew" }));
    const asked = c.requests().length;
    await a.send({ to: "@crew", text: after });
    await b.given(after);
    const { recipients } = await stage().becomes(after, "read");
    expect(recipients.map(({ name }) => name)).toEqual(["b"]);
    await allOver();
    expect(c.requests().length).toBe(asked);
    // What the broker reported meanwhile came to the others with their turns, once.
    for (const session of [a, b]) expect(timesIn(session.last(), "is passed: 2 of 3")).toBe(1);
  },
);
