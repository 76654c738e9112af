import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SKEW_MS } from "../../src/rules/presence.ts";
import {
  checkHealthPath,
  checkWord,
  decideRegistration,
  expiresAt,
  isRemovable,
  isStale,
  placeKey,
  placeOf,
  resolveService,
} from "../../src/rules/services.ts";
import { hostileText } from "../support/hostile.ts";
import { thrownBy } from "../support/thrown.ts";

const NOW = 1_700_000_000_000;
const key = (url: string, machine = "here"): string => placeKey(placeOf(url, machine));

describe("the place of a service", () => {
  const itself = fc.constantFrom(
    "localhost",
    "LocalHost",
    "localhost.",
    "app.localhost",
    "127.0.0.1",
    "127.1",
    "127.255.0.9",
    "2130706433",
    "0x7f.0.0.1",
    "0.0.0.0",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:0.0.0.0]",
  );
  const scheme = fc.constantFrom("http", "https", "ws", "wss", "tcp", "HTTP", "postgres");
  const tail = fc.constantFrom("", "/", "/a/b?c=d#e", "?q=a@b");
  const port = fc.integer({ min: 1, max: 65535 });

  test("is the same for every notation of the machine itself", () => {
    fc.assert(
      fc.property(scheme, itself, port, tail, (how, host, number, rest) => {
        expect(key(`${how}://${host}:${number}${rest}`, "Box")).toBe(`box:${number}`);
      }),
    );
  });

  test("differs by machine, unless the url names a host", () => {
    fc.assert(
      fc.property(scheme, itself, port, (how, host, number) => {
        const [here, there] = ["here", "there"].map((machine) => key(`${how}://${host}:${number}`, machine));
        expect(here).not.toBe(there);
      }),
    );
    expect(key("http://db.example:80", "here")).toBe(key("tcp://DB.example.:80/x", "there"));
  });

  test("with the machine's own name is the same as with localhost", () => {
    expect(key("http://box:5173", "elsewhere")).toBe(key("http://localhost:5173", "Box"));
  });

  test.each([
    ["http://x", "x:80"],
    ["https://x/", "x:443"],
    ["ws://x", "x:80"],
    ["wss://x", "x:443"],
    ["http://x:80", "x:80"],
    ["tcp://x:80", "x:80"],
    ["postgres://x/db", "x:5432"],
    ["redis://x", "x:6379"],
    ["http://[2001:DB8::1]:8080", "[2001:db8::1]:8080"],
    ["tcp://[2001:db8:0::1]:8080", "[2001:db8::1]:8080"],
    ["tcp://[::ffff:192.168.0.1]:1", "192.168.0.1:1"],
    ["tcp://192.168.1:1", "192.168.0.1:1"],
  ])("%s is at %s", (url, place) => {
    expect(key(url)).toBe(place);
  });

  test.each([
    ["", /form/],
    ["localhost:5173", /form/],
    ["//localhost:5173", /form/],
    ["http:localhost:5173", /form/],
    ["http:///localhost:5173", /form/],
    ["http://", /form/],
    ["tcp://?x", /form/],
    ["http://local host", /form/],
    [" http://localhost", /form/],
    ["http://localhost\n", /form/],
    ["http://localhost/\u202e", /form/],
    ["http://löcal:1", /form/],
    ["http:\\\\localhost\\@evil", /form/],
    ["http://localhost:65536", /form/],
    ["http://localhost:x", /form/],
    ["http://[::1", /form/],
    ["http://256.1.1.1:1", /form/],
    ["tcp://256.1.1.1:1", /host/],
    ["http://localhost:0", /port/],
    ["tcp://localhost", /port/],
    ["tcp://localhost:0", /port/],
    ["http://ann:secret@localhost:1", /password/],
    ["http://ann@localhost:1", /password/],
    ["http://@localhost:1", /password/],
    ["tcp://:secret@localhost:1", /password/],
    ["postgres://ann:secret@db/x", /password/],
    ["javascript://localhost:1/x", /scheme/],
    ["file://localhost/etc/passwd", /scheme/],
    ["constructor://localhost:1", /scheme/],
  ])("%j is rejected", (url, says) => {
    const error = thrownBy(() => placeOf(url, "here"));
    expect(error).toMatchObject({ code: "bad_request" });
    expect(error.message).toMatch(says);
    expect(error.line).not.toContain("secret");
  });

  test("of any text is a host and a port, or a bad_request", () => {
    const text = fc.oneof(
      hostileText,
      fc.webUrl({ withQueryParameters: true }),
      fc.tuple(scheme, hostileText).map(([how, rest]) => `${how}://${rest}`),
      fc.tuple(scheme, fc.string({ maxLength: 12 }), fc.string({ maxLength: 6 })).map((all) => all.join("://")),
    );
    fc.assert(
      fc.property(text, (url) => {
        let place: string;
        try {
          place = key(url);
        } catch (error) {
          expect(error).toMatchObject({ name: "CctError", code: "bad_request" });
          return;
        }
        expect(place).toMatch(/^[\x21-\x7e]+:\d{1,5}$/);
        expect(key(new URL(url).href)).toBe(place);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("a health path", () => {
  test.each(["/", "/health", "/a/b?c=d&e=%20"])("%s", (path) => {
    expect(() => checkHealthPath("https://x", path)).not.toThrow();
  });

  test.each(["", "health", "//evil.example/", "http://evil.example/", "/a b", "/a\r\nx: y", "/ä", "/#x", "/\\evil"])(
    "rejects %j",
    (path) => {
      expect(thrownBy(() => checkHealthPath("http://x", path)).code).toBe("bad_request");
    },
  );

  test("needs an http or https url", () => {
    for (const url of ["tcp://x:1", "ws://x", "httpx://x:1"]) {
      expect(thrownBy(() => checkHealthPath(url, "/health")).code).toBe("bad_request");
    }
  });
});

describe("a kind or name", () => {
  test.each(["a", "Browser", "web-2", "a.b_c", "x".repeat(32)])("%j", (word) => {
    expect(() => checkWord("kind", word)).not.toThrow();
    expect(() => checkWord("name", word)).not.toThrow();
  });

  test.each(["", "-a", "a-", "a b", "a/b", "@a", "ä", "a\n", "a\u200b", "x".repeat(41)])("never %j", (word) => {
    expect(thrownBy(() => checkWord("kind", word)).code).toBe("bad_request");
    expect(thrownBy(() => checkWord("name", word)).code).toBe("bad_request");
  });

  test("a kind is shorter than a name", () => {
    expect(() => checkWord("name", "x".repeat(40))).not.toThrow();
    expect(thrownBy(() => checkWord("kind", "x".repeat(33))).code).toBe("bad_request");
  });
});

describe("the lifetime of a service", () => {
  const ttl = fc.integer({ min: 10_000, max: 86_400_000 });

  test("a service is live for its TTL, stale for another (at least a minute), then removed", () => {
    fc.assert(
      fc.property(ttl, (length) => {
        const lease = { renewed_at: NOW, ttl: length };
        const [end, farewell] = [NOW + length, Math.max(length, 60_000)];
        const at = (now: number) => [isStale(lease, now), isRemovable(lease, now)];
        expect(expiresAt(lease)).toBe(end);
        expect(at(NOW)).toEqual([false, false]);
        expect(at(end - 1)).toEqual([false, false]);
        expect(at(end)).toEqual([true, false]);
        expect(at(end + farewell - 1)).toEqual([true, false]);
        expect(at(end + farewell)).toEqual([true, true]);
      }),
    );
  });

  test("a clock that was set back makes it stale, which frees its place, but does not remove it", () => {
    fc.assert(
      fc.property(ttl, fc.integer({ min: SKEW_MS + 1 }), (length, back) => {
        const lease = { renewed_at: NOW, ttl: length };
        expect([isStale(lease, NOW - back), isRemovable(lease, NOW - back)]).toEqual([true, false]);
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
    service("c", "bbbb", "cat", "http://localhost:3/x"),
  ];
  const found = (ref: string, caller = "dan") => resolveService(ref, all, caller).owner;

  test("accepts a name in any case, a url, an id or an id prefix", () => {
    expect(found("http://localhost:2")).toBe("ben");
    expect(found("HTTP://LOCALHOST:3/x")).toBe("cat");
    expect(found("aaaa")).toBe("ann");
    expect(found("A".repeat(32))).toBe("ann");
    expect(found("b".repeat(32))).toBe("ben");
  });

  test("a name wins over an id prefix, and the caller's own services over others", () => {
    expect(found("bbbb")).toBe("cat");
    expect(found("web", "ann")).toBe("ann");
    expect(found("WEB", "ben")).toBe("ben");
  });

  test("an exact id wins over a name", () => {
    const faked = [...all, service("d", "a".repeat(32), "mallory")];
    expect(resolveService("a".repeat(32), faked, "mallory").owner).toBe("ann");
  });

  test("several matches and none are errors that list services", () => {
    expect(thrownBy(() => found("web")).line).toMatch(/2 services: web \(aaaaaaaa, of ann\), Web \(bbbbbbbb, of ben\)/);
    expect(thrownBy(() => found("aaa")).code).toBe("not_found");
    expect(thrownBy(() => found("")).code).toBe("not_found");
    expect(thrownBy(() => found("nope")).line).toMatch(/Registered: web .*See list_services/);
    expect(thrownBy(() => resolveService("x", [], "ann")).line).toMatch(/None is registered/);
  });
});
