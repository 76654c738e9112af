/** Addresses: `name` or `peer_id` prefix (direct), `@pool` (broadcast), `@pool/peer` (directed inside a pool). */
import { CctError } from "../errors.ts";

export type Address =
  | { kind: "peer"; peer: string }
  | { kind: "pool"; pool: string }
  | { kind: "pool_peer"; pool: string; peer: string };

/** Anything that an address can resolve to. */
export interface Addressable {
  peer_id: string;
  name: string;
}

/** The shortest prefix of a `peer_id` that is taken as one: what listings and the status line show. */
export const SHORT_ID = 4;

export const shortId = (peerId: string): string => peerId.slice(0, SHORT_ID);

/** Splits the text of an address; throws `bad_request` when it is none. */
export function parseAddress(text: string): Address {
  const to = text.trim();
  const match = /^(?:@([^@/\s]+)(?:\/([^@/\s]+))?|([^@/\s]+))$/.exec(to);
  if (!match) {
    throw new CctError(
      "bad_request",
      `'${to.slice(0, 80)}' is not an address.`,
      "Use a peer's name or the first 4 or more characters of its id, @pool, or @pool/peer.",
    );
  }
  const [, pool, member, peer] = match;
  if (peer !== undefined) return { kind: "peer", peer };
  if (pool !== undefined && member !== undefined) return { kind: "pool_peer", pool, peer: member };
  return { kind: "pool", pool: pool ?? "" };
}

/**
 * The one peer that `ref` names: an exact name (case does not count), else an id prefix of at least four characters.
 * Never a guess: none is `not_found`, several are `ambiguous` and named.
 */
export function resolvePeer<P extends Addressable>(ref: string, peers: readonly P[]): P {
  const wanted = ref.toLowerCase();
  const named = peers.find((peer) => peer.name.toLowerCase() === wanted);
  if (named) return named;
  const hits = wanted.length >= SHORT_ID ? peers.filter((peer) => peer.peer_id.startsWith(wanted)) : [];
  const [only] = hits;
  if (only && hits.length === 1) return only;
  if (hits.length > 1) {
    throw new CctError(
      "ambiguous",
      `'${ref}' fits ${hits.length} peers: ${list(hits)}.`,
      "Use the name, or more characters of the id.",
    );
  }
  const known = peers.length ? `Known peers: ${list(peers)}.` : "No peer is registered yet.";
  throw new CctError("not_found", `There is no peer '${ref.slice(0, 80)}'.`, `${known} See list_peers.`);
}

function list(peers: readonly Addressable[]): string {
  const shown = peers.slice(0, 8).map((peer) => `${peer.name} (${peer.peer_id.slice(0, 8)})`);
  return peers.length > 8 ? `${shown.join(", ")} and ${peers.length - 8} more` : shown.join(", ");
}
