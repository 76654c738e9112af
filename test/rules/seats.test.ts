/** Seats: who holds a name, and which empty seat a session gets. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { NAME_HOLD_MS, NOT_BUSY } from "../../src/rules/presence.ts";
import { asideName, emptySeats, holdsName, nameBefore } from "../../src/rules/seats.ts";

const NOW = 1_700_000_000_000;
const here = { host: "studio", device_id: null };
const gone = {
  ...NOT_BUSY,
  ...here,
  host_pid: 7,
  last_seen: NOW,
  presence: "offline" as const,
  beat_ms: 10_000,
  seat: false,
  has_mail: false,
};

describe("the name of a peer that is away", () => {
  test("is free at once for its own machine when it was made from a folder, and a day later for others", () => {
    expect(holdsName(gone, here, NOW)).toBe(false);
    for (const other of [
      { ...here, host: "desk" },
      { ...here, device_id: "d" },
    ]) {
      expect(holdsName(gone, other, NOW + NAME_HOLD_MS - 1)).toBe(true);
      expect(holdsName(gone, other, NOW + NAME_HOLD_MS)).toBe(false);
    }
  });

  test("is held while it is a seat, mail waits, or it lives after all", () => {
    const later = NOW + 100 * NAME_HOLD_MS;
    expect(holdsName({ ...gone, seat: true }, here, later)).toBe(true);
    expect(holdsName({ ...gone, has_mail: true }, here, later)).toBe(true);
    expect(holdsName({ ...gone, presence: "idle" }, here, NOW)).toBe(true);
  });

  test("that it lost is found in the one that it got instead", () => {
    const peer_id = "1a2b3c4d5e6f";
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z][a-z0-9-]{0,27}$/), (name) => {
        const aside = { name: asideName(name, peer_id), peer_id, seat: false };
        expect(nameBefore(aside)).toBe(name);
        expect(nameBefore({ ...aside, seat: true })).toBeUndefined();
        expect(nameBefore({ ...aside, name })).toBeUndefined();
      }),
    );
  });
});

describe("the empty seats for a name", () => {
  const record = (name: string, more: { seat?: boolean; since?: number; live?: boolean } = {}) => ({
    name,
    seat: true,
    since: 0,
    live: false,
    ...more,
  });
  const seatsFor = (wanted: string, records: ReturnType<typeof record>[]) =>
    emptySeats(records, wanted, ({ live }) => live).map(({ name }) => name);

  test("are that name's and those that were numbered after it, in their order", () => {
    const all = ["reviewer-10", "reviewer-2", "Reviewer", "reviewer-x", "reviewers", "reviewer-1", "reviewer-02", "re"];
    expect(
      seatsFor(
        "reviewer",
        all.map((name) => record(name)),
      ),
    ).toEqual(["Reviewer", "reviewer-2", "reviewer-10"]);
    expect(
      seatsFor(
        "reviewer-2",
        all.map((name) => record(name)),
      ),
    ).toEqual(["reviewer-2"]);
  });

  test("are nobody's: not those of live sessions, nor names from folders", () => {
    expect(seatsFor("api", [record("api", { live: true }), record("api-2", { seat: false })])).toEqual([]);
  });

  test("of one name come the latest first, and never too many", () => {
    const records = Array.from({ length: 50 }, (_, i) => record("api", { since: i }));
    const found = emptySeats(records, "api", () => false);
    expect(found.map(({ since }) => since)).toEqual([49, 48, 47, 46, 45, 44, 43, 42]);
  });
});
