import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Ballot, castVote, countVotes, type Vote, voteSummary, votes } from "../../src/rules/votes.ts";
import { thrownBy } from "../support/thrown.ts";

const NAMES = ["ann", "ben", "carol", "dan", "eve", "fay", "gus", "hal", "ida"];

/** The ballots of a pool of `size` before any vote. */
const snapshot = (size: number): Ballot[] =>
  NAMES.slice(0, size).map((name) => ({ peer_id: `id-of-${name}`, name, vote: null, excluded: null }));

const size = fc.integer({ min: 2, max: NAMES.length });
const vote = fc.constantFrom(...votes);
/** Votes in order: voter (index) and vote. Some vote often, some never. */
const incoming = fc.array(fc.record({ who: fc.nat(NAMES.length - 1), vote }), { maxLength: 25 });

const castAll = (ballots: Ballot[], all: readonly { who: number; vote: Vote }[]): Ballot[] =>
  all.reduce((so_far, { who, vote }) => castVote(so_far, ballots[who % ballots.length]?.peer_id ?? "", vote), ballots);

describe("the result", () => {
  test("the last vote of each voter counts, independent of order", () => {
    fc.assert(
      fc.property(
        size,
        incoming.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))),
        (voters, [all, shuffled]) => {
          const last = new Map(all.map(({ who, vote }) => [who % voters, vote]));
          // The same last votes in another order.
          const order = [...new Set(shuffled.map(({ who }) => who % voters))];
          const again = order.map((who) => ({ who, vote: last.get(who) ?? "abstain" }));
          const ballots = castAll(snapshot(voters), all);
          expect(castAll(snapshot(voters), again)).toEqual(ballots);
          expect(countVotes(ballots.toReversed())).toEqual(countVotes(ballots));
        },
      ),
      { numRuns: 500 },
    );
  });

  test("needs more than half of all voters, including those who abstain or do not vote; of two, both", () => {
    fc.assert(
      fc.property(fc.array(fc.option(vote), { minLength: 2, maxLength: 9 }), (said) => {
        const ballots = snapshot(said.length).map((ballot, i) => ({ ...ballot, vote: said[i] ?? null }));
        const yes = said.filter((one) => one === "yes").length;
        const silent = said.filter((one) => one === null).length;
        const { state, needed } = countVotes(ballots);
        expect(state === "passed").toBe(said.length === 2 ? yes === 2 : yes > said.length / 2);
        if (state === "open") expect(yes + silent).toBeGreaterThanOrEqual(needed);
        if (state === "rejected") expect(yes + silent).toBeLessThanOrEqual(said.length / 2);
      }),
      { numRuns: 1000 },
    );
  });

  test("is decided as soon as missing votes cannot change it, and not earlier", () => {
    fc.assert(
      fc.property(size, incoming, (voters, all) => {
        const ballots = castAll(snapshot(voters), all);
        const silent = ballots.flatMap((ballot, i) => (ballot.vote === null ? [i] : []));
        const ends = (vote: Vote) =>
          countVotes(
            castAll(
              ballots,
              silent.map((who) => ({ who, vote })),
            ),
          ).state;
        const { state } = countVotes(ballots);
        expect(["passed", "rejected"]).toContain(ends("yes"));
        expect(["passed", "rejected"]).toContain(ends("no"));
        expect(ends("abstain")).toBe(ends("no"));
        expect(state === "open").toBe(ends("yes") !== ends("no"));
        if (state !== "open") expect(ends("yes")).toBe(state);
      }),
      { numRuns: 500 },
    );
  });

  test("does not depend on members without a vote", () => {
    fc.assert(
      fc.property(size, incoming, fc.nat(20), (voters, all, more) => {
        const ballots = castAll(snapshot(voters), all);
        const others = Array.from({ length: more }, (_, i) => ({
          peer_id: `other-${i}`,
          name: `other-${i}`,
          vote: null,
          excluded: "a reason",
        }));
        expect(countVotes([...others, ...ballots])).toEqual(countVotes(ballots));
        expect(voteSummary([...others, ...ballots])).toBe(voteSummary(ballots));
      }),
    );
  });

  test("once decided, missing votes do not change it", () => {
    fc.assert(
      fc.property(size, incoming, incoming, (voters, all, later) => {
        const decided = castAll(snapshot(voters), all);
        const { state } = countVotes(decided);
        fc.pre(state !== "open");
        const latecomers = later.filter(({ who }) => decided[who % voters]?.vote === null);
        expect(countVotes(castAll(decided, latecomers)).state).toBe(state);
      }),
    );
  });

  test.each([
    [2, ["yes"], "open"],
    [2, ["yes", "no"], "rejected"],
    [2, ["yes", "abstain"], "rejected"],
    [2, ["yes", "yes"], "passed"],
    [3, ["yes"], "open"],
    [3, ["yes", "yes"], "passed"],
    [3, ["yes", "no"], "open"],
    [3, ["yes", "no", "abstain"], "rejected"],
    [4, ["yes", "yes"], "open"],
    [4, ["yes", "yes", "no", "no"], "rejected"],
    [4, ["yes", "yes", "abstain", "yes"], "passed"],
    [4, ["no", "no"], "rejected"],
    [5, ["yes", "yes", "no", "no"], "open"],
  ] as [number, Vote[], string][])("%d voters with %j: %s", (voters, said, state) => {
    expect(
      countVotes(
        castAll(
          snapshot(voters),
          said.map((vote, who) => ({ who, vote })),
        ),
      ).state,
    ).toBe(state);
  });
});

describe("a vote", () => {
  test("of a peer that is not a voter is forbidden, lists the voters and does not count", () => {
    const ballots = Object.freeze(snapshot(3).map((ballot) => Object.freeze(ballot)));
    const error = thrownBy(() => castVote(ballots, "id-of-gus", "yes"));
    expect(error.code).toBe("forbidden");
    expect(error.hint).toBe("Voters: ann, ben, carol.");
    const fay = { peer_id: "id-of-fay", name: "fay", vote: null, excluded: "it joined too late" };
    const refused = thrownBy(() => castVote([...ballots, fay], fay.peer_id, "yes"));
    expect(refused).toMatchObject({ code: "forbidden", message: expect.stringContaining("it joined too late") });
    expect(refused.hint).toBe("Voters: ann, ben, carol.");
  });

  test("changes the voter's own ballot only", () => {
    fc.assert(
      fc.property(size, incoming, fc.nat(8), vote, (voters, all, who, changed) => {
        const before = castAll(snapshot(voters), all);
        const me = before[who % voters]?.peer_id ?? "";
        const after = castVote(before, me, changed);
        expect(after.find((ballot) => ballot.peer_id === me)?.vote).toBe(changed);
        expect(after.filter((ballot) => ballot.peer_id !== me)).toEqual(
          before.filter((ballot) => ballot.peer_id !== me),
        );
      }),
    );
  });
});

test("the summary names those who did not vote", () => {
  const ballots = castAll(snapshot(4), [
    { who: 0, vote: "yes" },
    { who: 1, vote: "no" },
    { who: 2, vote: "abstain" },
  ]);
  expect(voteSummary(ballots)).toBe("1 of 4 voted yes, 3 needed; 1 no; 1 abstained; dan did not vote");
  expect(voteSummary(castAll(snapshot(2), [{ who: 0, vote: "yes" }]))).toBe(
    "1 of 2 voted yes, 2 needed; ben did not vote",
  );
});
