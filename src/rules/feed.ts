/**
 * The feed for people: which changes it tells, how they are collected into batches, and the place where a reader goes on. A
 * change says only what it is about; readers get the rows as they are when the batch is made.
 */
import type { Blocked } from "./blocked-on.ts";
import { type Delivery, hasFailed, isWaiting } from "./delivery.ts";
import { type Hooks, recordedPresence, type Session } from "./presence.ts";

/** `seq`: of the message. `mail`: how much waits for the peer. `membership`: the peer's pools, which only the operator sees. */
export type Changed =
  | { what: "message" | "receipts"; seq: number }
  | { what: "peer" | "membership" | "mail" | "pool"; id: string }
  | { what: "services" | "attention" };

/** What a transition of a delivery changes for people. `before`: undefined for a new one. */
export function changesByDelivery(
  before: Pick<Delivery, "state"> | undefined,
  after: Pick<Delivery, "state"> & { seq: number; peer_id: string },
): Changed[] {
  const { seq, peer_id } = after;
  // A renewed lease shows nowhere.
  if (before?.state === after.state) return [];
  const isListed = (one: Pick<Delivery, "state">): boolean => one.state === "held" || hasFailed(one);
  const needs = isListed(after) || (before !== undefined && isListed(before));
  return [
    ...(before ? [{ what: "receipts" as const, seq }] : []),
    ...(isWaiting(after) !== (before !== undefined && isWaiting(before))
      ? [{ what: "mail" as const, id: peer_id }]
      : []),
    ...(needs ? [{ what: "attention" as const }] : []),
  ];
}

/** A peer, as far as people see it. */
type Seen = Session &
  Blocked & {
    peer_id: string;
    name: string;
    cwd: string;
    repo: string | null;
    branch: string | null;
    summary: string;
    hooks: Hooks;
    wakes: boolean;
    midturn: boolean;
    agent: string;
  };

/** What a change of a peer changes for people. */
export function changesByPeer(before: Seen, after: Seen): Changed[] {
  const isOther = SHOWN.some((field) => before[field] !== after[field]);
  if (!isOther && recordedPresence(before) === recordedPresence(after)) return [];
  const needs = NEEDS.some((field) => before[field] !== after[field]) || isBlocked(before) !== isBlocked(after);
  return [{ what: "peer", id: after.peer_id }, ...(needs ? [{ what: "attention" as const }] : [])];
}

const isBlocked = ({ presence }: Seen): boolean => presence === "blocked";

const NEEDS = ["hooks", "blocked_tool", "blocked_what"] as const satisfies readonly (keyof Seen)[];

const SHOWN = [
  "name",
  "host",
  "cwd",
  "repo",
  "branch",
  "summary",
  "hooks",
  "wakes",
  "midturn",
  "agent",
  "busy_reason",
  "busy_since",
  "busy_for",
  "blocked_tool",
  "blocked_what",
] as const satisfies readonly (keyof Seen)[];

/** What a batch is about. */
export interface Collected {
  messages: Set<number>;
  receipts: Set<number>;
  peers: Set<string>;
  memberships: Set<string>;
  mail: Set<string>;
  pools: Set<string>;
  services: boolean;
  attention: boolean;
}

export const nothingCollected = (): Collected => ({
  messages: new Set(),
  receipts: new Set(),
  peers: new Set(),
  memberships: new Set(),
  mail: new Set(),
  pools: new Set(),
  services: false,
  attention: false,
});

/** Adds a change; whatever happens in one batch is told once. */
export function collect(all: Collected, changed: Changed): void {
  switch (changed.what) {
    case "message":
      all.messages.add(changed.seq);
      return;
    case "receipts":
      all.receipts.add(changed.seq);
      return;
    case "peer":
      all.peers.add(changed.id);
      return;
    case "membership":
      all.memberships.add(changed.id);
      return;
    case "mail":
      all.mail.add(changed.id);
      return;
    case "pool":
      all.pools.add(changed.id);
      return;
    default:
      all[changed.what] = true;
  }
}

export const sizeOf = ({ messages, receipts, peers, memberships, mail, pools }: Collected): number =>
  messages.size + receipts.size + peers.size + memberships.size + mail.size + pools.size;

/** A place in the feed of one broker. `run`: which broker, and which of its runs. */
export interface Place {
  run: string;
  number: number;
}

export const placeText = ({ run, number }: Place): string => `${run}.${number}`;

export function placeFrom(text: string | undefined): Place | undefined {
  const [, run, number] = /^([0-9a-f]{8})\.(\d{1,15})$/.exec(text ?? "") ?? [];
  return run === undefined ? undefined : { run, number: Number(number) };
}

/** Readers with the home's token, and on all devices together: a browser needs one. */
export const MAX_READERS = 32;
export const MAX_READERS_OF_DEVICE = 8;

/**
 * Which of the readers, oldest first, is closed when there are too many. Nobody loses one to a device that has more: beyond its
 * own limit a device closes its own oldest, and beyond that of all devices the one with the most does. The home has its own limit.
 */
export function readerToClose<T extends { device: string | undefined }>(readers: Iterable<T>): T | undefined {
  const home: T[] = [];
  const devices = new Map<string, T[]>();
  let onDevices = 0;
  for (const reader of readers) {
    if (reader.device === undefined) {
      home.push(reader);
      continue;
    }
    onDevices++;
    devices.set(reader.device, [...(devices.get(reader.device) ?? []), reader]);
  }
  if (home.length > MAX_READERS) return home[0];
  const most = [...devices.values()].reduce<T[]>((one, other) => (other.length > one.length ? other : one), []);
  return most.length > MAX_READERS_OF_DEVICE || onDevices > MAX_READERS ? most[0] : undefined;
}
