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

/** What may happen to a pool, in any order. */
type Step =
  | { do: "join"; who: Peer; role: string | undefined }
  | { do: "invite"; by: Peer | undefined; who: Peer; role: string | undefined }
  | { do: "leave" | "release" | "die" | "return"; who: Peer }
  | { do: "archive" }
  /** Time passes, and the broker does what it does by the clock. */
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
      // Also backwards: the clock of a machine can be set.
      ms: fc.constantFrom(-ABSENCE, 1, 60_000, RELEASE_GRACE_MS, ABSENCE),
    }),
  },
);

interface World {
  pool: Pool;
  now: number;
  /** Who is not there, and since when. */
  away: Map<string, number>;
}

const isLive =
  ({ away }: Pick<World, "away">) =>
  (peerId: string): boolean =>
    !away.has(peerId);

/** The world after a step. A step that a rule refuses changes nothing, and says what to do. */
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
      // Who calls lives.
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

/** What the broker's sweep does. */
function clock(world: World): World {
  const live = isLive(world);
  let { pool } = world;
  if (pool.archived_at !== null) return world;
  for (const member of membersOf(pool)) {
    const last_seen = world.away.get(member.peer_id);
    const away = { offline: last_seen !== undefined, last_seen: last_seen ?? world.now };
    if (isDue(member, away, ABSENCE, world.now)) pool = leave(pool, member.peer_id, live, world.now);
  }
  return { ...world, pool: withLead(pool, live) };
}

const empty: Pool = { pool_id: "p", name: "team", purpose: "tests", private: false, archived_at: null, members: [] };
const [ann = { peer_id: "", name: "" }] = peers;

/** Ann's pool; nobody is away. */
const start = (): World => ({
  pool: join(empty, ann, LEAD, () => true, START),
  now: START,
  away: new Map(),
});

/** Runs steps, and shows each with the world before and after it. */
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

/** Rules answer with new values: one that changes what it was given fails. */
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

describe("whatever happens to a pool, in any order", () => {
  test("one that is archived stays so until somebody who was in it joins again, and has no members meanwhile", () => {
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

  test("it is archived when its last member has gone, and else only when somebody says so", () => {
    check((before, what, { pool }) => {
      if (pool.archived_at === null || before.pool.archived_at !== null) return;
      if (what.do === "archive") return;
      expect(["leave", "wait", "die", "return"]).toContain(what.do);
      expect(membersOf(before.pool).length).toBeGreaterThan(0);
    });
  });

  test("who is a member is who came and has not gone since, each once", () => {
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
      // Nobody is forgotten.
      for (const id of ids([...before.pool.members])) expect(ids([...pool.members])).toContain(id);
    });
  });

  test("a broadcast reaches every other member that was not released, once, and never its sender", () => {
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

  test("there is never more than one lead, and always one, who is there if anybody is", () => {
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

  test("nobody takes the lead from one who is there: it is passed on by a member, or the lead goes", () => {
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

  test("who was released hears nothing more, and is out at the end of the grace time, whatever one member does", () => {
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

  test("who is away stays a member until it was away for long enough, however the clock is set", () => {
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

  test("what is to be written down is exactly what differs", () => {
    check((before, _, { pool }) => {
      const rows = new Map(before.pool.members.map((member) => [member.peer_id, member]));
      for (const member of changedMembers(before.pool, pool)) rows.set(member.peer_id, member);
      expect([...rows.values()].sort(byId)).toEqual([...pool.members].sort(byId));
    });
  });
});

const byId = (a: Member, b: Member): number => (a.peer_id < b.peer_id ? -1 : 1);
