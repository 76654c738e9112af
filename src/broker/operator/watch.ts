/** What operators, load balancers and Prometheus look at: `/health`, `/ready`, `/status` and `/metrics`. */
import type { Principal } from "../../operations/core/identity.ts";
import type {
  BrokerIdentity,
  BrokerStatus,
  HealthAnswer,
  ReadyAnswer,
} from "../../operations/surface/broker-status.ts";
import type { DeliveryState } from "../../rules/delivery.ts";
import { type Presence, presenceOf } from "../../rules/presence.ts";
import { countOpen, oldestQueued } from "../../store/counts.ts";
import { countPeers, openSessions } from "../../store/peers.ts";
import type { Store } from "../../store/store.ts";
import type { SharedHints } from "../cluster/hints.ts";
import type { Fanout } from "../http/events.ts";
import type { Tally } from "./metrics.ts";
import type { Readiness } from "./readiness.ts";

type Known = Exclude<Principal, { kind: "invitation" }>;
/** What lies in the store. */
type Stored = Pick<BrokerStatus, "peers" | "messages" | "oldest_waiting_ms" | "database_bytes">;

export interface Watch {
  /** Whether the process lives, and to holders of a token who it is. */
  "/health"(to: Principal | undefined): Promise<{ status: number; body: HealthAnswer }>;
  /** Whether it can do its work, and to holders of a token why not. */
  "/ready"(to: Principal | undefined): Promise<{ status: number; body: ReadyAnswer }>;
  status(to: Known): Promise<BrokerStatus>;
  metrics(): Promise<{ contentType: string; text: string }>;
}

interface Watched {
  store: Store;
  /** The database's schema. */
  schema: number;
  tally: Tally;
  events: Fanout;
  connections: { count(): number };
  /** The brokers that share its database; `undefined`: it is alone. */
  others: SharedHints | undefined;
  /** What the data lies in, for people. */
  place: string;
  ready(): Promise<Readiness>;
  now(): number;
  startedAt: number;
  /** Who the broker is: for all holders of a token, and for its own home besides. */
  about(to: Principal): BrokerIdentity;
}

export function watch(watched: Watched): Watch {
  const { store, tally, events, connections, others, ready, now } = watched;
  let printer: Promise<{ contentType: string; print(): Promise<string> }> | undefined;

  return {
    "/health": async (to) => ({ status: 200, body: { ok: true, ...(to && watched.about(to)) } }),
    async "/ready"(to) {
      const { ready: isReady, reasons } = await ready();
      return { status: isReady ? 200 : 503, body: { ready: isReady, ...(to && { reasons }) } };
    },
    async status(to) {
      const state = await ready();
      return {
        ...watched.about(to),
        ...state,
        schema: watched.schema,
        uptime_ms: now() - watched.startedAt,
        streams: events.count(),
        connections: connections.count(),
        swept_at: tally.sweptAt ?? null,
        hears_others: others?.isLive() ?? null,
        // Where the data lies is no business of another machine.
        ...(to.kind === "home" ? { store: watched.place } : {}),
        ...(await stored(store, state, now())),
      };
    },
    async metrics() {
      const open = () => openIfReady(store, ready);
      // One more bundle, which only those pay for who ask.
      printer ??= import("./exposition.ts").then(({ exposition }) =>
        exposition({
          tally,
          streams: events.count,
          connections: connections.count,
          others,
          ready,
          open,
          counts: store.counts,
        }),
      );
      const { contentType, print } = await printer;
      return { contentType, text: await print() };
    },
  };
}

/** A database that does not answer is not asked, so that one can see that it does not. */
async function openIfReady(
  store: Store,
  ready: () => Promise<Readiness>,
): Promise<Partial<Record<DeliveryState, number>> | undefined> {
  return (await ready()).ready ? store.look(countOpen) : undefined;
}

/** What lies in the store; nothing of it while the database does not work. */
async function stored(store: Store, { ready }: Readiness, now: number): Promise<Stored> {
  if (!ready) return { peers: null, messages: null, oldest_waiting_ms: null, database_bytes: null };
  const found = await store.look(async (sql) => {
    const sessions = await openSessions(sql);
    const peers: Record<Presence, number> = { active: 0, idle: 0, busy: 0, blocked: 0, offline: 0 };
    for (const session of sessions) {
      peers[presenceOf(session, now)]++;
    }
    peers.offline += (await countPeers(sql)) - sessions.length;
    const oldest = await oldestQueued(sql);
    return {
      peers,
      messages: await countOpen(sql),
      oldest_waiting_ms: oldest === null ? null : Math.max(0, now - Math.floor(oldest / 1000)),
    };
  });
  return { ...found, database_bytes: await store.size() };
}
