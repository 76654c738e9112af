import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SKEW_MS } from "../../src/rules/presence.ts";
import { decideRegistration, expiresAt, isRemovable, isStale, resolveService } from "../../src/rules/services.ts";
import { thrownBy } from "../support/thrown.ts";

const NOW = 1_700_000_000_000;
describe("the lifetime of a service", () => {
  const ttl = fc.integer({ min: 10_000, max: 86_400_000 });

  test("a service is live for its TTL, stale for another (at least a minute), then removed", () => {
    fc.assert(
      fc.property(ttl, (length) => {
        const registration = { renewed_at: NOW, ttl: length };
        const [end, staleFor] = [NOW + length, Math.max(length, 60_000)];
        const at = (now: number) => [isStale(registration, now), isRemovable(registration, now)];
        expect(expiresAt(registration)).toBe(end);
        expect(at(NOW)).toEqual([false, false]);
        expect(at(end - 1)).toEqual([false, false]);
        expect(at(end)).toEqual([true, false]);
        expect(at(end + staleFor - 1)).toEqual([true, false]);
        expect(at(end + staleFor)).toEqual([true, true]);
      }),
    );
  });

  test("a clock that was set back makes it stale, which frees its place, but does not remove it", () => {
    fc.assert(
      fc.property(ttl, fc.integer({ min: SKEW_MS + 1 }), (length, back) => {
        const registration = { renewed_at: NOW, ttl: length };
        expect([isStale(registration, NOW - back), isRemovable(registration, NOW - back)]).toEqual([true, false]);
      }),
    );
  });
});

interface Kept {
  service_id: string;
  owner: string;
  place: string;
  renewed_at: number;
  ttl: number;
}

/** Random sequences of actions by several owners, running commands and the clock. */
describe("any sequence of registrations, renewals and removals", () => {
  type Action =
    | { do: "register"; owner: string; place: string; ttl: number; run: string | undefined }
    | { do: "renew" | "unregister"; which: number; owner: string }
    | { do: "pass"; ms: number }
    | { do: "sweep" };

  const owner = fc.constantFrom("ann", "ben", "cat");
  const action: fc.Arbitrary<Action> = fc.oneof(
    fc.record({
      do: fc.constant("register" as const),
      owner,
      place: fc.constantFrom("here:1", "here:2", "there:1"),
      ttl: fc.constantFrom(10_000, 60_000, 200_000),
      run: fc.constantFrom(undefined, "run-1", "run-2"),
    }),
    fc.record({ do: fc.constantFrom("renew" as const, "unregister" as const), which: fc.nat(9), owner }),
    fc.record({ do: fc.constant("pass" as const), ms: fc.integer({ min: 0, max: 300_000 }) }),
    fc.record({ do: fc.constant("sweep" as const) }),
  );

  test("never puts two services at one place, displaces a live one or removes one too early", () => {
    let refused = 0;
    let replaced = 0;
    fc.assert(
      fc.property(fc.array(action, { minLength: 10, maxLength: 60 }), (actions) => {
        let kept: Kept[] = [];
        let now = NOW;
        let ids = 0;
        for (const one of actions) {
          const before = kept;
          if (one.do === "pass") now += one.ms;
          if (one.do === "sweep") kept = kept.filter((service) => !isRemovable(service, now));
          if (one.do === "renew" || one.do === "unregister") {
            const service = kept[one.which];
            if (!service || service.owner !== one.owner || isRemovable(service, now)) continue;
            const others = kept.filter((other) => other !== service);
            kept = one.do === "renew" ? [...others, { ...service, renewed_at: now }] : others;
          }
          if (one.do === "register") {
            const there = kept.find(({ place }) => place === one.place);
            const service_id = one.run && `${one.run} of ${one.owner} at ${one.place}`;
            const how = decideRegistration(there, { owner: one.owner, service_id }, now);
            expect(how === "new").toBe(!there);
            if (how === "taken") {
              refused += 1;
              // Another service is there.
              expect(there && !isStale(there, now) && !isRemovable(there, now)).toBe(true);
              expect(there?.owner !== one.owner || (service_id !== undefined && there.service_id !== service_id)).toBe(
                true,
              );
              continue;
            }
            if (how === "update") expect(there?.owner).toBe(one.owner);
            if (how === "replace") {
              replaced += 1;
              expect(there && isStale(there, now)).toBe(true);
            }
            ids += 1;
            const id = how === "update" ? there?.service_id : (service_id ?? `service ${ids}`);
            const { place, ttl } = one;
            kept = [
              ...kept.filter((service) => service !== there),
              { service_id: id ?? "", owner: one.owner, place, ttl, renewed_at: now },
            ];
          }
          expect(new Set(kept.map(({ place }) => place)).size).toBe(kept.length);
          expect(new Set(kept.map(({ service_id }) => service_id)).size).toBe(kept.length);
          // A live service loses its place only to its own owner.
          for (const service of before.filter((was) => !isStale(was, now) && one.do !== "unregister")) {
            const still = kept.find(({ place }) => place === service.place);
            expect(still).toMatchObject({ service_id: service.service_id, owner: service.owner });
          }
        }
      }),
      { numRuns: 500 },
    );
    // Conflicts really occur.
    expect(Math.min(refused, replaced)).toBeGreaterThan(50);
  });

  test("gives a free place to the first, and rejects the others", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string(), { minLength: 1, maxLength: 20 }), (owners) => {
        let there: Kept | undefined;
        const won = owners.filter((who) => {
          if (decideRegistration(there, { owner: who, service_id: undefined }, NOW) === "taken") return false;
          there = { service_id: "1", owner: who, place: "here:1", renewed_at: NOW, ttl: 10_000 };
          return true;
        });
        expect(won).toEqual(owners.slice(0, 1));
      }),
    );
  });
});

describe("resolving a service", () => {
  const service = (id: string, name: string, owner: string, url = "http://localhost:1") => ({
    service_id: id.repeat(32),
    name,
    owner,
    owner_name: owner,
    url,
  });
  const all = [
    service("a", "web", "ann"),
    service("b", "Web", "ben", "http://localhost:2/"),
    service("c", "bbbx", "cat", "http://localhost:3/x"),
  ];
  const found = (ref: string, caller = "dan") => resolveService(ref, all, caller).owner;

  test("accepts a name in any case, a url, an id or an id prefix", () => {
    expect(found("http://localhost:2")).toBe("ben");
    expect(found("HTTP://LOCALHOST:3/x")).toBe("cat");
    expect(found("aaaa")).toBe("ann");
    expect(found("A".repeat(32))).toBe("ann");
    expect(found("b".repeat(32))).toBe("ben");
  });

  test("of several with one name, the caller's own win", () => {
    expect(found("web", "ann")).toBe("ann");
    expect(found("WEB", "ben")).toBe("ben");
  });

  test("a name that is also another one's id is ambiguous, whoever asks", () => {
    for (const id of ["aaaa", "a".repeat(32)]) {
      const faked = [...all, service("d", id, "mallory")];
      for (const caller of ["ann", "mallory", "dan"])
        expect(thrownBy(() => resolveService(id, faked, caller)).code).toBe("ambiguous");
    }
  });

  test("several matches and none are errors that list services", () => {
    expect(thrownBy(() => found("web")).line).toMatch(/2 services: web \(aaaaaaaa, of ann\), Web \(bbbbbbbb, of ben\)/);
    expect(thrownBy(() => found("aaa")).code).toBe("not_found");
    expect(thrownBy(() => found("")).code).toBe("not_found");
    expect(thrownBy(() => found("nope")).line).toMatch(/Registered: web .*See list_services/);
    expect(thrownBy(() => resolveService("x", [], "ann")).line).toMatch(/None is registered/);
  });
});
