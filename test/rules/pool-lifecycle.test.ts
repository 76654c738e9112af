import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { archive, invite, join, leave, release, takeOver, withLead } from "../../src/rules/pool-lifecycle.ts";
import { LEAD, leadOf, type Member, memberOf, membersOf, type Pool } from "../../src/rules/pools.ts";
import { thrownBy } from "../support/thrown.ts";

const START = 1_700_000_000_000;
const named = (name: string): { peer_id: string; name: string } => ({ peer_id: `id-of-${name}`, name });
const [ann, ben, carol, dan] = [named("ann"), named("ben"), named("carol"), named("dan")];
const all = (): boolean => true;
const empty: Pool = { pool_id: "p", name: "team", purpose: "tests", private: false, archived_at: null, members: [] };
/** Ann leads, Ben is a member, everybody is live. */
const team = invite(join(empty, ann, LEAD, all, START), ann.peer_id, ben, undefined, all, START + 1);

describe("the lead", () => {
  test("passes to the longest-standing live member when the lead leaves", () => {
    const three = invite(team, ann.peer_id, carol, undefined, all, START + 2);
    expect(leadOf(leave(three, ann.peer_id, all, START + 3))?.name).toBe("ben");
    const benIsAway = (id: string): boolean => id !== ben.peer_id;
    expect(leadOf(leave(three, ann.peer_id, benIsAway, START + 3))?.name).toBe("carol");
  });

  test("can be passed on by any member; the former lead becomes an ordinary member", () => {
    const three = invite(team, ben.peer_id, carol, LEAD, all, START + 2);
    expect(leadOf(three)?.name).toBe("carol");
    expect(memberOf(three, ann.peer_id)?.role).toBe("member");
  });

  test("cannot be taken by giving the lead another role, nor given up", () => {
    const three = invite(invite(team, ann.peer_id, carol, undefined, all, START + 2), ann.peer_id, carol, LEAD, all, 9);
    const seize = thrownBy(() => invite(three, ann.peer_id, carol, "member", all, START + 3));
    expect(seize.line).toMatch(/carol is the lead of @team.*invite_to_pool/);
    expect(thrownBy(() => join(three, carol, "reviewer", all, START + 3)).code).toBe("conflict");
    expect(thrownBy(() => join(three, ben, LEAD, all, START + 3)).line).toMatch(/has a lead: carol/);
    expect(leadOf(join(three, carol, undefined, all, START + 3))?.name).toBe("carol");
  });

  test("of an empty pool is the first to join, whatever its role", () => {
    expect(leadOf(join(empty, ben, "reviewer", all, START))?.name).toBe("ben");
  });
});

describe("is refused:", () => {
  const over = archive(team, START + 2);
  const refusals: [string, string, () => unknown][] = [
    ["a stranger joins an archived pool", "forbidden", () => join(over, carol, undefined, all, START)],
    ["a member leaves an archived pool", "conflict", () => leave(over, ann.peer_id, all, START)],
    ["an archived pool is archived again", "conflict", () => archive(over, START)],
    ["a peer is invited into an archived pool", "conflict", () => invite(over, ann.peer_id, carol, "x", all, START)],
    ["a stranger invites", "forbidden", () => invite(team, carol.peer_id, dan, undefined, all, START)],
    ["a stranger leaves", "forbidden", () => leave(team, carol.peer_id, all, START)],
    ["a member invites itself", "bad_request", () => invite(team, ann.peer_id, ann, "x", all, START)],
    ["an offline peer is invited", "conflict", () => invite(team, ann.peer_id, carol, undefined, () => false, START)],
    ["a member is invited again", "conflict", () => invite(team, ann.peer_id, ben, undefined, all, START)],
    ["a member is given the role it has", "conflict", () => invite(team, ann.peer_id, ben, "member", all, START)],
    [
      "a member undoes a release by vote",
      "conflict",
      () => invite(release(team, ben.peer_id, all, START), ann.peer_id, ben, "other", all, START),
    ],
    [
      "a released member joins again without leaving",
      "conflict",
      () => join(release(team, ben.peer_id, all, START), ben, undefined, all, START),
    ],
  ];
  test.each(refusals)("%s", (_, code, work) => {
    const error = thrownBy(work);
    expect(error.code).toBe(code);
    expect(error.hint).not.toBe("");
  });
});

describe("a peer that takes over another one's membership", () => {
  const member = (name: string): fc.Arbitrary<Member> =>
    fc.record({
      ...{ peer_id: fc.constant(`id-of-${name}`), name: fc.constant(name) },
      role: fc.constantFrom("member", "reviewer"),
      joined_at: fc.nat(9).map((ms) => START + ms),
      releasing_until: fc.option(fc.constant(START + 100)),
      left_at: fc.option(fc.nat(9).map((ms) => START + 10 + ms)),
    });
  const record = fc.tuple(...[ann, ben, carol, dan].map(({ name }) => fc.option(member(name), { nil: undefined })));
  const pool = fc
    .tuple(record, fc.boolean())
    .map(([members, isArchived]): Pool => {
      const known = members.filter((one) => one !== undefined);
      const ended = known.map((one) => ({ ...one, left_at: one.left_at ?? START + 50, releasing_until: null }));
      return isArchived
        ? { ...empty, archived_at: START + 50, members: ended }
        : withLead({ ...empty, members: known }, all);
    })
    .map((before) => ({ before, after: takeOver(before, ann.peer_id, ben, all) }));

  test("is a member if either was; the other has no record any more, and nobody else's membership changes", () => {
    fc.assert(
      fc.property(pool, ({ before, after }) => {
        const had = before.members.some((one) => one.peer_id === ann.peer_id);
        if (!had) return void expect(after).toBe(before);
        expect(after.members.some((one) => one.peer_id === ann.peer_id)).toBe(false);
        const was = [ann, ben].some(({ peer_id }) => memberOf(before, peer_id));
        expect(memberOf(after, ben.peer_id) !== undefined).toBe(was);
        const latest = Math.max(
          ...before.members.flatMap((one) =>
            [ann, ben].some(({ peer_id }) => peer_id === one.peer_id) ? (one.left_at ?? 1e15) : [],
          ),
        );
        expect(after.members.find((one) => one.peer_id === ben.peer_id)?.left_at ?? 1e15).toBe(latest);
        for (const { peer_id } of [carol, dan]) {
          const plain = (pool: Pool) => {
            const one = pool.members.find((other) => other.peer_id === peer_id);
            return one && { ...one, role: "" };
          };
          expect(plain(after)).toEqual(plain(before));
        }
        expect(after.archived_at).toBe(before.archived_at);
        const eligible = membersOf(after).filter((one) => one.releasing_until === null);
        if (after.archived_at === null)
          expect(membersOf(after).filter((one) => one.role === LEAD)).toHaveLength(Math.min(1, eligible.length));
      }),
      { numRuns: 1000 },
    );
  });

  test("leads the pool if the other did, and else keeps its role", () => {
    expect(leadOf(takeOver(team, ann.peer_id, ben, all))?.name).toBe("ben");
    expect(leadOf(takeOver(team, ann.peer_id, carol, all))?.name).toBe("carol");
    const three = invite(team, ann.peer_id, carol, "reviewer", all, START + 2);
    expect(memberOf(takeOver(three, ben.peer_id, carol, all), carol.peer_id)?.role).toBe("reviewer");
    expect(leadOf(takeOver(three, ben.peer_id, carol, all))?.name).toBe("ann");
  });
});
