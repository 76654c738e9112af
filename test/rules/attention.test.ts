import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isNeedId, needKinds, needsOf } from "../../src/rules/attention.ts";
import type { Facts, StoppedDelivery } from "../../src/rules/attention-facts.ts";
import { guards } from "../../src/rules/guards.ts";
import { hooksStates } from "../../src/rules/presence.ts";

const NOW = 1_800_000_000_000;
const HOUR = 3_600_000;
const past = fc.integer({ min: NOW - 24 * HOUR, max: NOW });
const around = fc.integer({ min: NOW - HOUR, max: NOW + HOUR });
const id = fc.constantFrom("a", "b", "c", "d", "e").map((letter) => letter.repeat(32));
const words = fc.constantFrom("ship it", "which port?", "ارجو الرد؟", "done");
const list = <T>(one: fc.Arbitrary<T>, key: (value: T) => unknown): fc.Arbitrary<T[]> =>
  fc.uniqueArray(one, { selector: key, maxLength: 6 });

const session = fc.record({
  peer_id: id,
  name: fc.constantFrom("api", "web"),
  host: fc.constant("elsewhere"),
  host_pid: fc.constant(1),
  last_seen: fc.integer({ min: NOW - 60_000, max: NOW }),
  presence: fc.constantFrom("active", "idle", "blocked", "offline" as const),
  beat_ms: fc.constant(10_000),
  busy_reason: fc.constant(null),
  busy_since: fc.constant(null),
  busy_for: fc.constant(null),
  blocked_tool: fc.constantFrom("Bash", null),
  blocked_what: fc.constantFrom("npm test", null),
  agent: fc.constantFrom("claude", "other"),
  hooks: fc.constantFrom(...hooksStates),
  wakes: fc.boolean(),
  midturn: fc.boolean(),
  polls: fc.boolean(),
  cwd: fc.constant("/work"),
  took_at: fc.option(past, { nil: null }),
  created_at: past,
  waiting: fc.integer({ min: 0, max: 3 }),
  since: fc.option(past, { nil: undefined }),
});
const ballot = fc.record({
  peer_id: id,
  name: fc.constant("api"),
  vote: fc.constantFrom("yes", "no", "abstain", null),
  excluded: fc.constant(null),
});
const vote = fc.record({
  proposal_id: id,
  pool_id: id,
  pool: fc.constant("front"),
  subject_id: id,
  subject: fc.constant("api"),
  reason: words,
  created_at: past,
  deadline: around,
  ballots: fc.array(ballot, { maxLength: 4 }),
});
const question = fc.record({
  message_id: fc.uuid(),
  from_id: id,
  from_name: fc.constant("api"),
  text: words,
  sent_at: past,
  isUnread: fc.boolean(),
  isAnswered: fc.boolean(),
});
const stopped: fc.Arbitrary<StoppedDelivery> = fc.record({
  peer_id: id,
  name: fc.constant("api"),
  message_id: fc.uuid(),
  seq: fc.integer({ min: 1, max: 1e15 }),
  from_id: id,
  from_name: fc.constant("web"),
  sent_at: past,
  expires_at: fc.option(around, { nil: null }),
  text: words,
  reason: fc.constant(null),
});
const guardNote = fc.record({
  guard: fc.constantFrom(...guards),
  at: past,
  from_id: id,
  from_name: fc.constant("api"),
  to_id: fc.oneof(id, fc.constantFrom("", "@all")),
  to_name: fc.constant("web"),
});
const service = fc.record({
  service_id: id,
  name: fc.constant("orders-db"),
  url: fc.constant("http://127.0.0.1:5432"),
  owner_name: fc.constant("api"),
  health: fc.constantFrom("unknown", "healthy", "unhealthy"),
  registered_at: past,
  health_since: fc.option(past, { nil: null }),
  renewed_at: past,
  ttl: fc.constantFrom(HOUR, 12 * HOUR),
});
const facts: fc.Arbitrary<Facts> = fc.record({
  sessions: list(session, (one) => one.peer_id),
  votes: list(vote, (one) => one.proposal_id),
  questions: list(question, (one) => one.message_id),
  held: list(stopped, (one) => one.seq),
  dead: list(stopped, (one) => one.seq),
  guards: fc.array(guardNote, { maxLength: 6 }),
  services: list(service, (one) => one.service_id),
  dismissed: fc.constant(new Map<string, number>()),
});

const idsOf = (of: Facts): string[] => needsOf(of, NOW).map((need) => need.need_id);

describe("what needs a person", () => {
  test("is one row per thing, by kind and age, each with an id that can be put aside", () => {
    fc.assert(
      fc.property(facts, (all) => {
        const needs = needsOf(all, NOW);
        expect(new Set(needs.map((need) => need.need_id)).size).toBe(needs.length);
        for (const need of needs) expect(isNeedId(need.need_id), need.need_id).toBe(true);
        const order = needs.map((need) => [needKinds.indexOf(need.kind), need.at] as const);
        expect(order).toEqual(order.toSorted((a, b) => a[0] - b[0] || a[1] - b[1]));
        for (const { detail } of needs) expect(detail.length).toBeLessThanOrEqual(200);
        for (const { deadline = NOW + 1 } of needs) expect(deadline).toBeGreaterThan(NOW);
      }),
    );
  });

  test("counts each held message and each dead letter exactly once", () => {
    fc.assert(
      fc.property(facts, (all) => {
        const needs = needsOf(all, NOW);
        const sum = (kind: string): number =>
          needs.reduce((total, need) => total + (need.kind === kind ? (need.count ?? 0) : 0), 0);
        expect(sum("dead")).toBe(all.dead.length);
        expect(sum("held")).toBe(all.held.filter((one) => one.expires_at === null || one.expires_at > NOW).length);
      }),
    );
  });

  test("goes by itself when its cause is gone, and takes no other row with it", () => {
    const causes = ["sessions", "votes", "questions", "guards", "services"] as const;
    fc.assert(
      fc.property(facts, fc.constantFrom(...causes), fc.nat(), (all, cause, which) => {
        const gone = all[cause][which % Math.max(1, all[cause].length)];
        if (gone === undefined) return;
        const without = { ...all, [cause]: (all[cause] as readonly unknown[]).filter((one) => one !== gone) };
        const [before, after] = [idsOf(all), idsOf(without)];
        expect(before).toEqual(expect.arrayContaining(after));
        // One session can have two rows: it is blocked, and nothing takes its mail.
        expect(before.length - after.length).toBeLessThanOrEqual(cause === "sessions" ? 2 : 1);
      }),
    );
  });

  test("that is put aside is not listed, until there is more of it", () => {
    fc.assert(
      fc.property(facts, fc.nat(), (all, which) => {
        const needs = needsOf(all, NOW);
        const need = needs[which % Math.max(1, needs.length)];
        if (!need) return;
        const aside = (at: number) => idsOf({ ...all, dismissed: new Map([[need.need_id, at]]) });
        expect(aside(need.changed_at)).toEqual(idsOf(all).filter((one) => one !== need.need_id));
        expect(aside(need.changed_at - 1)).toEqual(idsOf(all));
      }),
    );
  });

  test("is another row when another message ends unread", () => {
    fc.assert(
      fc.property(facts, stopped, (all, more) => {
        if (all.dead.some((one) => one.seq === more.seq)) return;
        const dismissed = new Map(needsOf(all, NOW).map((need) => [need.need_id, NOW]));
        const later = needsOf({ ...all, dead: [...all.dead, { ...more, sent_at: NOW + 1 }], dismissed }, NOW);
        expect(later).toMatchObject([{ kind: "dead", peer_id: more.peer_id }]);
      }),
    );
  });

  test("is a message to the operator until it is read; one that asks, until it is answered", () => {
    fc.assert(
      fc.property(question, (one) => {
        const none = { sessions: [], votes: [], held: [], dead: [], guards: [], services: [], dismissed: new Map() };
        const isListed = needsOf({ ...none, questions: [one] }, NOW).length === 1;
        expect(isListed).toBe(!one.isAnswered && (one.isUnread || /[?؟]/.test(one.text)));
      }),
    );
  });
});
