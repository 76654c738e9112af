import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Elector, electorateOf, MIN_MEMBERSHIP_MS } from "../../src/rules/electorate.ts";

const NOW = 1_700_000_000_000;

const elector = (i: number, more: Partial<Elector> = {}): Elector => ({
  peer_id: `id-${i}`,
  name: `peer-${i}`,
  joined_at: NOW - 10 * MIN_MEMBERSHIP_MS,
  device_id: null,
  host: "here",
  host_pid: 1000 + i,
  isLive: true,
  ...more,
});

/** Pools whose members joined within the last hour, on a few devices, in a few processes. */
const pool = fc
  .array(
    fc.record({
      joined_at: fc.integer({ min: NOW - 6 * MIN_MEMBERSHIP_MS, max: NOW }),
      device_id: fc.constantFrom(null, "laptop"),
      host_pid: fc.integer({ min: 1, max: 5 }),
      isLive: fc.boolean(),
    }),
    { minLength: 2, maxLength: 9 },
  )
  .map((all) => all.map((more, i) => elector(i, more)));

const processOf = ({ device_id, host_pid }: Elector): string => `${device_id} ${host_pid}`;
const names = (electors: readonly Elector[]): string[] => electors.map(({ name }) => name).sort();

describe("an electorate", () => {
  test("has at most one voter of each process, and everybody else is named with a reason", () => {
    fc.assert(
      fc.property(pool, fc.nat(8), (members, i) => {
        const { voters, excluded } = electorateOf(members, `id-${i % members.length}`, NOW);
        expect(new Set(voters.map(processOf)).size).toBe(voters.length);
        expect(names([...voters, ...excluded.map(({ member }) => member)])).toEqual(names(members));
        for (const { reason } of excluded) expect(reason).toMatch(/^it (joined less|runs in the same process)/);
      }),
    );
  });

  test("contains the member in question and a longest-standing member's process, in any order of members", () => {
    fc.assert(
      fc.property(
        pool.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }), fc.nat(8))),
        ([members, shuffled, i]) => {
          const subject = `id-${i % members.length}`;
          const { voters } = electorateOf(members, subject, NOW);
          expect(names(electorateOf(shuffled, subject, NOW).voters)).toEqual(names(voters));
          expect(voters.map(({ peer_id }) => peer_id)).toContain(subject);
          const [oldest] = members.toSorted((a, b) => a.joined_at - b.joined_at);
          expect(voters.map(processOf)).toContain(oldest && processOf(oldest));
        },
      ),
    );
  });

  test("of an older pool does not change by any number of newcomers, whatever they say of themselves", () => {
    const newcomer = fc.record({
      joined_at: fc.integer({ min: NOW - MIN_MEMBERSHIP_MS + 1, max: NOW }),
      device_id: fc.constantFrom(null, "laptop", "attic"),
      host_pid: fc.integer({ min: 2000, max: 99_999 }),
    });
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 6 }), fc.array(newcomer, { maxLength: 20 }), (size, all) => {
        const members = Array.from({ length: size }, (_, i) => elector(i));
        const newcomers = all.map((more, i) => elector(100 + i, more));
        const { voters, excluded } = electorateOf([...members, ...newcomers], "id-0", NOW);
        expect(names(voters)).toEqual(names(members));
        expect(excluded).toHaveLength(newcomers.length);
      }),
    );
  });

  test("does not change by more peers of a process that has a vote", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 6 }), fc.integer({ min: 1, max: 20 }), (size, more) => {
        const members = Array.from({ length: size }, (_, i) => elector(i));
        const doubles = Array.from({ length: more }, (_, i) =>
          elector(100 + i, { host_pid: 1001, joined_at: NOW - 9 * MIN_MEMBERSHIP_MS }),
        );
        expect(names(electorateOf([...members, ...doubles], "id-0", NOW).voters)).toEqual(names(members));
      }),
    );
  });

  test("loses nobody while time passes, also when the clock is set back", () => {
    fc.assert(
      fc.property(pool, fc.integer({ min: 0, max: 3 * MIN_MEMBERSHIP_MS }), (members, later) => {
        const processes = (now: number): string[] => electorateOf(members, "id-0", now).voters.map(processOf);
        for (const before of processes(NOW)) expect(processes(NOW + later)).toContain(before);
        const back = electorateOf(members, "id-0", NOW - 24 * 3_600_000).voters;
        expect(back.map(processOf).sort()).toEqual([...new Set(members.map(processOf))].sort());
      }),
    );
  });
});

test("in a new pool all members vote; later ones after ten minutes; of one process the live one", () => {
  const began = NOW - 30 * 60_000;
  const at = (minute: number) => ({ joined_at: began + minute * 60_000 });
  const members = [elector(0, at(0)), elector(1, at(10)), elector(2, at(20)), elector(3, at(21))];
  expect(names(electorateOf(members, "id-0", NOW).voters)).toEqual(["peer-0", "peer-1", "peer-2"]);
  expect(electorateOf(members, "id-0", NOW).excluded).toMatchObject([
    { member: { name: "peer-3" }, reason: "it joined less than 10 minutes before" },
  ]);
  expect(names(electorateOf(members, "id-3", NOW).voters)).toContain("peer-3");
  const former = elector(4, { ...at(0), host_pid: 1001, isLive: false });
  expect(electorateOf([former, ...members], "id-0", NOW).excluded.map(({ reason }) => reason)).toContain(
    "it runs in the same process as peer-1",
  );
  const fresh = Array.from({ length: 4 }, (_, i) => elector(i, at(25)));
  expect(electorateOf(fresh, "id-0", NOW).voters).toHaveLength(4);
});
