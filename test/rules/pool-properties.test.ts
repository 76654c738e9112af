/** Model-based tests: random sequences of joins, invitations, releases, absences and clock changes. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CctError } from "../../src/platform/errors.ts";
import {
  archive,
  changedMembers,
  invite,
  isDue,
  join,
  leave,
  release,
  withLead,
} from "../../src/rules/pool-lifecycle.ts";
import {
  broadcastRecipients,
  LEAD,
  leadOf,
  type Member,
  memberOf,
  membersOf,
  type Pool,
  RELEASE_GRACE_MS,
} from "../../src/rules/pools.ts";

const START = 1_700_000_000_000;
const ABSENCE = 3_600_000;
const peers = ["ann", "ben", "carol", "dan", "eve"].map((name) => ({ peer_id: `id-of-${name}`, name }));
type Peer = (typeof peers)[number];

/** An event in the life of a pool. */
type Step =
  | { do: "join"; who: Peer; role: string | undefined }
  | { do: "invite"; by: Peer | undefined; who: Peer; role: string | undefined }
  | { do: "leave" | "release" | "die" | "return"; who: Peer }
  | { do: "archive" }
  /** Time passes, and the broker sweeps. */
  | { do: "wait"; ms: number };

const who = fc.constantFrom(...peers);
const role = fc.constantFrom(undefined, undefined, "member", "reviewer", LEAD);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant("join" as const), who, role }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("invite" as const),
      by: fc.option(who, { nil: undefined, freq: 8 }),
      who,
      role,
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom("leave", "die", "return"), who }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("release" as const), who }) },
  { weight: 1, arbitrary: fc.constant<Step>({ do: "archive" }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("wait" as const),
      // Also backwards, because a clock can be set back.
      ms: fc.constantFrom(-ABSENCE, 1, 60_000, RELEASE_GRACE_MS, ABSENCE),
    }),
  },
);

interface World {
  pool: Pool;
  now: number;
  /** Offline peers, and since when. */
  away: Map<string, number>;
}

const isLive =
  ({ away }: Pick<World, "away">) =>
  (peerId: string): boolean =>
    !away.has(peerId);

/** The world after a step. A refused step changes nothing, and its error has a hint. */
function take(world: World, what: Step): World {
  try {
    return done(world, what);
  } catch (error) {
    if (!(error instanceof CctError)) throw error;
    expect(error.message).not.toBe("");
    expect(error.hint).not.toBe("");
    return world;
  }
}

function done(world: World, what: Step): World {
  const { pool, now } = world;
  const live = isLive(world);
  switch (what.do) {
    case "join":
      // A caller is live.
      return live(what.who.peer_id) ? { ...world, pool: join(pool, what.who, what.role, live, now) } : world;
    case "invite":
      if (what.by && !live(what.by.peer_id)) return world;
      return { ...world, pool: invite(pool, what.by?.peer_id, what.who, what.role, live, now) };
    case "leave":
      return { ...world, pool: leave(pool, what.who.peer_id, live, now) };
    case "release":
      return { ...world, pool: release(pool, what.who.peer_id, live, now) };
    case "archive":
      return { ...world, pool: archive(pool, now) };
    case "die":
      return world.away.has(what.who.peer_id)
        ? world
        : clock({ ...world, away: new Map([...world.away, [what.who.peer_id, now]]) });
    case "return":
      return clock({ ...world, away: new Map([...world.away].filter(([id]) => id !== what.who.peer_id)) });
    case "wait":
      return clock({ ...world, now: now + what.ms });
  }
}

/** The part of the broker's sweep that concerns pools. */
function clock(world: World): World {
  const live = isLive(world);
  let { pool } = world;
  if (pool.archived_at !== null) return world;
  for (const member of membersOf(pool)) {
    const since = world.away.get(member.peer_id);
    const away = since === undefined ? 0 : world.now - since;
    if (isDue(member, away, ABSENCE, world.now)) pool = leave(pool, member.peer_id, live, world.now);
  }
  return { ...world, pool: withLead(pool, live) };
}

const empty: Pool = { pool_id: "p", name: "team", purpose: "tests", private: false, archived_at: null, members: [] };
const [ann = { peer_id: "", name: "" }] = peers;

/** Ann's pool; everybody is live. */
const start = (): World => ({
  pool: join(empty, ann, LEAD, () => true, START),
  now: START,
  away: new Map(),
});

/** Runs steps and calls `look` for each with the world before and after. */
function follow(
  steps: readonly Step[],
  look: (before: World, what: Step, after: World) => void,
  world: World = start(),
): World {
  for (const what of steps) {
    const before = world;
    world = take(deepFrozen(before), what);
    look(before, what, world);
  }
  return world;
}

/** Freezes the input, so that a rule that modifies it fails. */
function deepFrozen(world: World): World {
  Object.freeze(world.pool);
  Object.freeze(world.pool.members);
  for (const member of world.pool.members) Object.freeze(member);
  return world;
}

const ids = (members: readonly Member[]): string[] => members.map((member) => member.peer_id);
const check = (look: (before: World, what: Step, after: World) => void): void =>
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => void follow(steps, look)),
    { numRuns: 1500 },
  );

describe("any sequence of events", () => {
  test("an archived pool has no members, and stays archived until a former member joins", () => {
    let revived = 0;
    check((before, what, { pool }) => {
      if (pool.archived_at !== null) expect(membersOf(pool)).toEqual([]);
      if (before.pool.archived_at === null) return;
      if (pool.archived_at !== null) return expect(pool).toEqual(before.pool);
      revived++;
      expect(what.do).toBe("join");
      if (what.do === "join") expect(ids([...before.pool.members])).toContain(what.who.peer_id);
    });
    expect(revived).toBeGreaterThan(0);
  });

  test("a pool is archived with its last member, or on request", () => {
    check((before, what, { pool }) => {
      if (pool.archived_at === null || before.pool.archived_at !== null) return;
      if (what.do === "archive") return;
      expect(["leave", "wait", "die", "return"]).toContain(what.do);
      expect(membersOf(before.pool).length).toBeGreaterThan(0);
    });
  });

  test("the members are those who joined and have not left, each once", () => {
    check((before, what, { pool, now }) => {
      const was = new Set(ids(membersOf(before.pool)));
      const is = ids(membersOf(pool));
      expect(new Set(is).size).toBe(is.length);
      expect(new Set(ids([...pool.members])).size).toBe(pool.members.length);
      for (const id of is.filter((one) => !was.has(one))) {
        expect(["join", "invite"]).toContain(what.do);
        expect((what as { who: Peer }).who.peer_id).toBe(id);
        expect(memberOf(pool, id)?.joined_at).toBe(now);
      }
      for (const id of was) {
        if (is.includes(id)) continue;
        if (what.do === "leave") expect(what.who.peer_id).toBe(id);
        else expect(["archive", "wait", "die", "return"]).toContain(what.do);
      }
      // Records of former members stay.
      for (const id of ids([...before.pool.members])) expect(ids([...pool.members])).toContain(id);
    });
  });

  test("a broadcast reaches every other member that was not released, once", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), who, (steps, sender) => {
        const { pool } = follow(steps, () => {});
        const reached = ids(broadcastRecipients(pool, sender.peer_id));
        expect(reached).not.toContain(sender.peer_id);
        expect(new Set(reached).size).toBe(reached.length);
        const others = pool.members.filter(
          ({ peer_id, left_at, releasing_until }) =>
            left_at === null && releasing_until === null && peer_id !== sender.peer_id,
        );
        expect(new Set(reached)).toEqual(new Set(ids(others)));
      }),
      { numRuns: 1500 },
    );
  });

  test("a pool has exactly one lead, who is live if any member is", () => {
    check((_, __, world) => {
      const members = membersOf(world.pool);
      const leads = members.filter((member) => member.role === LEAD);
      const able = members.filter((member) => member.releasing_until === null);
      expect(leads).toHaveLength(able.length > 0 ? 1 : 0);
      const live = isLive(world);
      const [lead] = leads;
      if (lead && able.some((member) => live(member.peer_id))) expect(live(lead.peer_id)).toBe(true);
    });
  });

  test("a live lead changes only when a member passes it on, or the lead leaves or is released", () => {
    let passed = 0;
    check((before, what, after) => {
      const was = leadOf(before.pool);
      const is = leadOf(after.pool);
      if (!was || was.peer_id === is?.peer_id || !isLive(after)(was.peer_id)) return;
      if (what.do === "invite") {
        passed++;
        return expect({ to: what.who.peer_id, as: what.role }).toEqual({ to: is?.peer_id, as: LEAD });
      }
      const still = memberOf(after.pool, was.peer_id);
      expect(still === undefined || still.releasing_until !== null).toBe(true);
    });
    expect(passed).toBeGreaterThan(0);
  });

  test("a released member gets no broadcasts and is removed after the grace time, whatever a single member does", () => {
    check((before, what, { pool, now }) => {
      for (const was of before.pool.members) {
        if (was.releasing_until === null || was.left_at !== null) continue;
        const is = memberOf(pool, was.peer_id);
        expect(is?.releasing_until ?? was.releasing_until).toBe(was.releasing_until);
        expect(ids(broadcastRecipients(pool, "nobody"))).not.toContain(was.peer_id);
        if (what.do === "wait" && now >= was.releasing_until) expect(is).toBeUndefined();
      }
    });
  });

  test("an offline member is removed after the absence time, not earlier, also if the clock is set back", () => {
    check((before, what, after) => {
      if (what.do !== "wait") return;
      for (const member of membersOf(before.pool)) {
        const since = after.away.get(member.peer_id);
        const due =
          (since !== undefined && after.now - since >= ABSENCE) ||
          (member.releasing_until !== null && after.now >= member.releasing_until);
        expect(memberOf(after.pool, member.peer_id) === undefined).toBe(due);
      }
    });
  });

  test("changedMembers returns exactly the records that differ", () => {
    check((before, _, { pool }) => {
      const rows = new Map(before.pool.members.map((member) => [member.peer_id, member]));
      for (const member of changedMembers(before.pool, pool)) rows.set(member.peer_id, member);
      expect([...rows.values()].sort(byId)).toEqual([...pool.members].sort(byId));
    });
  });
});

const byId = (a: Member, b: Member): number => (a.peer_id < b.peer_id ? -1 : 1);
