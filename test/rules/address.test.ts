import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CctError } from "../../src/platform/errors.ts";
import {
  type Address,
  type Addressable,
  addressOf,
  type PoolReferable,
  parseAddress,
  resolvePeer,
  resolvePool,
} from "../../src/rules/address.ts";
import { hostFrom, looksLikeId } from "../../src/rules/names.ts";
import { hostileText } from "../support/hostile.ts";
import { thrownBy } from "../support/thrown.ts";

const hex = fc.constantFrom(..."0123456789abcdef");
/** Few ids with long common prefixes, so that a prefix often matches several. */
const peerId = fc
  .tuple(fc.constantFrom("abcd", "abce", "1234"), fc.array(fc.constantFrom("0", "1"), { minLength: 6, maxLength: 6 }))
  .map(([head, tail]) => head + tail.join("") + "0".repeat(22));
/** Includes names that look like an id prefix. */
const name = fc.oneof(
  fc.constantFrom("api", "API-2", "abcd", "ABCD0", "1234", "web.front", "a"),
  fc.array(hex, { minLength: 1, maxLength: 8 }).map((letters) => letters.join("")),
);
const peers: fc.Arbitrary<Addressable[]> = fc
  .uniqueArray(fc.record({ peer_id: peerId, name }), { selector: (peer) => peer.name.toLowerCase(), maxLength: 12 })
  .map((found) => found.filter((peer, i) => found.findIndex((one) => one.peer_id === peer.peer_id) === i));
const ref = fc.oneof(
  name,
  peerId,
  fc.tuple(peerId, fc.nat(32)).map(([id, length]) => id.slice(0, length)),
);

function outcome<T>(work: () => T): { found?: T; code?: string } {
  try {
    return { found: work() };
  } catch (error) {
    if (!(error instanceof CctError)) throw error;
    return { code: error.code };
  }
}

describe("resolving a peer", () => {
  test("an exact name finds its peer, unless it is also the beginning of another one's id", () => {
    fc.assert(
      fc.property(peers, fc.nat(), fc.boolean(), (all, at, upper) => {
        const wanted = all[at % Math.max(1, all.length)];
        fc.pre(wanted !== undefined);
        const { name } = wanted;
        const isId =
          name.length >= 4 && all.some((one) => one !== wanted && one.peer_id.startsWith(name.toLowerCase()));
        const found = outcome(() => resolvePeer(upper ? name.toUpperCase() : name, all));
        expect(found).toEqual(isId ? { code: "ambiguous" } : { found: wanted });
      }),
      { numRuns: 500 },
    );
  });

  test("returns a peer only for a unique match", () => {
    fc.assert(
      fc.property(peers, ref, (all, wanted) => {
        const key = wanted.toLowerCase();
        const named = all.filter((peer) => peer.name.toLowerCase() === key);
        const byId = key.length >= 4 ? all.filter((peer) => peer.peer_id.startsWith(key)) : [];
        const hits = new Set([...named, ...byId]);
        const [only, ...others] = hits;
        if (only && others.length === 0) return void expect(resolvePeer(wanted, all)).toBe(only);
        const error = thrownBy(() => resolvePeer(wanted, all));
        expect(error.code).toBe(only ? "ambiguous" : "not_found");
        if (!only) return;
        for (const candidate of [...hits].slice(0, 8)) expect(error.message).toContain(candidate.name);
        expect(error.message).toContain(String(hits.size));
      }),
      { numRuns: 500 },
    );
  });

  test("an unknown peer is an error that lists known peers", () => {
    const error = thrownBy(() => resolvePeer("nobody", [{ name: "api", peer_id: "ab".repeat(16) }]));
    expect(error.line).toContain("api (abababab)");
    expect(thrownBy(() => resolvePeer("nobody", [])).line).toContain("No other peer is registered");
  });

  test("name@host matches only that machine; without a host the machine does not matter", () => {
    const host = fc.constantFrom("studio", "loft", "loft.local");
    const placed = fc
      .tuple(peers, fc.array(host, { minLength: 12, maxLength: 12 }))
      .map(([all, hosts]) => all.map((peer, i) => ({ ...peer, host: hosts[i] ?? "studio" })));
    fc.assert(
      fc.property(placed, ref, host, fc.boolean(), (all, wanted, where, upper) => {
        const there = all.filter((peer) => peer.host === where);
        const written = `${wanted}@${upper ? where.toUpperCase() : where}`;
        const asked = outcome(() => resolvePeer(written, all));
        const bare = outcome(() => resolvePeer(wanted, there));
        expect(asked.found).toBe(bare.found);
        expect(asked.code).toBe(bare.code);
        // The address shown in a listing resolves to the peer, seen from any machine.
        for (const peer of all.filter((one) => !looksLikeId(one.name))) {
          for (const from of [where, undefined]) expect(resolvePeer(addressOf(peer, from), all)).toBe(peer);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("the error for a wrong machine names the right one", () => {
    const peer = { name: "api", peer_id: "ab".repeat(16), host: "loft" };
    expect(thrownBy(() => resolvePeer("api@studio", [peer])).line).toContain(
      "That name is on another machine: api@loft",
    );
  });

  test("any machine name becomes a valid host in an address", () => {
    fc.assert(
      fc.property(fc.oneof(hostileText, fc.string({ unit: "binary" })), (text) => {
        const host = hostFrom(text);
        expect(host).toMatch(/^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$/);
        expect(hostFrom(host)).toBe(host);
        expect(parseAddress(`ann@${host}`)).toEqual({ kind: "peer", peer: `ann@${host}` });
      }),
    );
    expect(hostFrom("Ann's MacBook.local")).toBe("ann-s-macbook.local");
  });

  test("an id prefix needs four characters", () => {
    expect(thrownBy(() => resolvePeer("aba", [{ name: "api", peer_id: "ab".repeat(16) }])).code).toBe("not_found");
  });
});

const word = fc.stringMatching(/^[^@/\s]+$/u);
/** A peer's name, optionally with its machine. */
const peerWord = fc.oneof(
  word,
  fc.tuple(word, word).map(([name, host]) => `${name}@${host}`),
);
const address: fc.Arbitrary<Address> = fc.oneof(
  peerWord.map((peer) => ({ kind: "peer" as const, peer })),
  word.map((pool) => ({ kind: "pool" as const, pool })),
  fc.tuple(word, peerWord).map(([pool, peer]) => ({ kind: "pool_peer" as const, pool, peer })),
);

function written(to: Address): string {
  if (to.kind === "peer") return to.peer;
  return to.kind === "pool" ? `@${to.pool}` : `@${to.pool}/${to.peer}`;
}

describe("parsing an address", () => {
  test("parses what was formatted", () => {
    fc.assert(
      fc.property(address, (to) => {
        expect(parseAddress(` ${written(to)}\n`)).toEqual(to);
      }),
    );
  });

  test("any other text is a bad_request with a hint", () => {
    const anything = fc.oneof(
      fc.string({ unit: "binary" }),
      fc
        .array(fc.constantFrom("@", "/", " ", "a", "\n", "\u2028", "\ud800"), { maxLength: 9 })
        .map((all) => all.join("")),
    );
    fc.assert(
      fc.property(anything, (text) => {
        try {
          expect(written(parseAddress(text))).toBe(text.trim());
        } catch (error) {
          if (!(error instanceof CctError)) throw error;
          expect(error.code).toBe("bad_request");
          expect(error.hint).not.toBe("");
        }
      }),
      { numRuns: 1000 },
    );
  });

  test.each([
    "",
    " ",
    "@",
    "@/",
    "@a/",
    "@/b",
    "a/b",
    "a@",
    "@@a",
    "a@b@c",
    "a@b/c",
    "@a/b/c",
    "@a/@b",
    "@a/b@",
    "@a/b@c@d",
    "two words",
    "@a b",
  ])("%j is malformed", (text) => {
    expect(thrownBy(() => parseAddress(text)).code).toBe("bad_request");
  });
});

/** Pools with few names and similar ids. At most one per name is active, which the store guarantees. */
const pools: fc.Arbitrary<PoolReferable[]> = fc
  .array(
    fc.record({
      pool_id: peerId,
      name: fc.constantFrom("team", "TEAM", "docs", "abcd", "abce0"),
      archived: fc.boolean(),
      members: fc.subarray(["me", "other"]).map((ids) => ids.map((peer_id) => ({ peer_id }))),
    }),
    { maxLength: 8 },
  )
  .map((found) =>
    found
      .filter((pool, i) => found.findIndex((one) => one.pool_id === pool.pool_id) === i)
      .map(({ archived, ...pool }, i, all) => {
        const first = all.findIndex((one) => !one.archived && one.name.toLowerCase() === pool.name.toLowerCase());
        return { ...pool, archived_at: archived || first !== i ? 1 : null };
      }),
  );
const poolRef = fc.oneof(
  fc.constantFrom("team", "Team", "docs", "abcd", "ABCE0", "nothing"),
  fc.tuple(peerId, fc.nat(32)).map(([id, length]) => id.slice(0, length)),
);

describe("resolving a pool", () => {
  test("the active pool with that name wins over archived ones, unless the name is also another one's id", () => {
    fc.assert(
      fc.property(pools, fc.constantFrom("me", undefined), (all, me) => {
        for (const pool of all) {
          if (pool.archived_at !== null) continue;
          const isId = all.some((one) => one !== pool && one.pool_id.startsWith(pool.name.toLowerCase()));
          for (const ref of [pool.name, pool.name.toUpperCase()])
            expect(outcome(() => resolvePool(ref, all, me))).toEqual(isId ? { code: "ambiguous" } : { found: pool });
        }
      }),
      { numRuns: 500 },
    );
  });

  test("returns a pool only for a unique match; of archived ones with one name, the caller's own wins", () => {
    fc.assert(
      fc.property(pools, poolRef, fc.constantFrom("me", undefined), (all, wanted, me) => {
        const key = wanted.toLowerCase();
        const named = all.filter((pool) => pool.name.toLowerCase() === key);
        const active = named.filter((pool) => pool.archived_at === null);
        const mine = named.filter((pool) => pool.members.some((member) => member.peer_id === me));
        const byId = key.length >= 4 ? all.filter((pool) => pool.pool_id.startsWith(key)) : [];
        const byName = [active, mine, named].find((some) => some.length > 0) ?? [];
        const hits = [...new Set([...byName, ...byId])];
        const [only, ...others] = hits;
        if (only && others.length === 0) return void expect(resolvePool(wanted, all, me)).toBe(only);
        const error = thrownBy(() => resolvePool(wanted, all, me));
        expect(error.code).toBe(only ? "ambiguous" : "not_found");
        expect(error.hint).not.toBe("");
        for (const one of hits.slice(0, 8)) expect(error.message).toContain(one.pool_id.slice(0, 8));
      }),
      { numRuns: 1000 },
    );
  });

  test("an unknown pool is an error that lists active pools", () => {
    const pool = { pool_id: "ab".repeat(16), name: "team", archived_at: null, members: [] };
    expect(thrownBy(() => resolvePool("docs", [pool], undefined)).line).toContain("Active pools: @team.");
    expect(thrownBy(() => resolvePool("docs", [], undefined)).line).toContain("No pool is active.");
    expect(thrownBy(() => resolvePool("", [pool], undefined)).code).toBe("not_found");
    expect(thrownBy(() => resolvePool("aba", [pool], undefined)).code).toBe("not_found");
  });
});
