/**
 * Seats: names that were given on purpose (`CCT_NAME`, the host's session name, a rename). An empty seat waits for the next
 * session with that name, which becomes its peer. A name made from a folder is only held while somebody needs it.
 */
import { stemOf } from "./names.ts";
import { hasElapsed, isLive, NAME_HOLD_MS, type Session } from "./presence.ts";

/** Where a session runs: sessions of one origin have the same user. `device_id`: `null` on the broker's own machine. */
export interface Origin {
  host: string;
  device_id: string | null;
}

/**
 * Whether a peer keeps its name when a newcomer of `origin` wants it: it is live, mail waits for it, or the name is a seat.
 * Other names are free for the same machine at once, and for others after a day: mail is addressed to names.
 */
export function holdsName(
  peer: Session & Origin & { seat: boolean; has_mail: boolean },
  origin: Origin,
  now: number,
): boolean {
  if (peer.seat || peer.has_mail || isLive(peer, now)) return true;
  const isNeighbour = peer.host === origin.host && peer.device_id === origin.device_id;
  return !isNeighbour && !hasElapsed(peer.last_seen, NAME_HOLD_MS, now);
}

/** The name of a peer that lost its own to a newcomer. */
export const asideName = (name: string, peerId: string): string => `${name.slice(0, 28)}-${peerId.slice(0, 8)}`;

/** The name that it lost; `undefined` when it has its own. */
export function nameBefore({ name, peer_id, seat }: { name: string; peer_id: string; seat: boolean }) {
  const end = `-${peer_id.slice(0, 8)}`;
  return !seat && name.endsWith(end) ? name.slice(0, -end.length) : undefined;
}

/** More records of one name are not tried: each costs a call. */
const MAX_TRIES = 8;

/**
 * The records of empty seats for a session that is to be called `wanted`: those of that name, then `wanted-2` and so on, the
 * latest first. The broker decides which of them it can have.
 */
export function emptySeats<R extends { name: string; seat: boolean; since: number }>(
  records: readonly R[],
  wanted: string,
  lives: (record: R) => boolean,
): R[] {
  const place = ({ name }: R): number => placeIn(name.toLowerCase(), wanted.toLowerCase());
  return records
    .filter((record) => record.seat && place(record) > 0 && !lives(record))
    .toSorted((a, b) => place(a) - place(b) || b.since - a.since)
    .slice(0, MAX_TRIES);
}

/** A peer, as far as it matters who can stand in for it. */
interface Placed {
  peer_id: string;
  name: string;
  seat: boolean;
  host: string;
  cwd: string;
  repo: string | null;
  remote: string | null;
}

/** The name without a number or the start of its id: what names after it begin with, too. */
export const plainName = (peer: Pick<Placed, "peer_id" | "name" | "seat">): string =>
  (nameBefore(peer) ?? peer.name).replace(/-\d+$/, "").toLowerCase();

/** Where live peers are that may do what a peer that is away was asked: the nearest place that has any. */
export function standIns<P extends Placed>(
  away: Placed,
  live: readonly P[],
): { where: string; peers: P[] } | undefined {
  const name = plainName(away);
  const isHere = (peer: P): boolean => peer.host === away.host;
  const places: [string, (peer: P) => boolean][] = [
    ["under that name", (peer) => away.seat && placeIn(peer.name.toLowerCase(), name) > 0],
    ["in the same folder", (peer) => isHere(peer) && peer.cwd === away.cwd],
    [
      "in the same repository",
      (peer) =>
        (away.remote !== null && peer.remote === away.remote) ||
        (away.repo !== null && isHere(peer) && peer.repo === away.repo),
    ],
  ];
  for (const [where, fits] of places) {
    const peers = live.filter(fits);
    if (peers.length > 0) return { where, peers };
  }
  return undefined;
}

/** 1 for the name itself, n for `name-n`, 0 for other names. */
function placeIn(name: string, wanted: string): number {
  if (name === wanted) return 1;
  const stem = stemOf(wanted);
  const number = name.startsWith(stem) ? name.slice(stem.length) : "";
  return /^[1-9]\d{0,5}$/.test(number) && number !== "1" ? Number(number) : 0;
}
