import { describe, expect, test } from "vitest";
import { archive, invite, join, leave, release } from "../../src/rules/pool-lifecycle.ts";
import { LEAD, leadOf, memberOf, type Pool } from "../../src/rules/pools.ts";
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
