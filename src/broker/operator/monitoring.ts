/** Answers for operators, load balancers and Prometheus: `/health`, `/ready`, `/status` and `/metrics`. */
import type { Principal } from "../../operations/core/identity.ts";
import type {
  BrokerIdentity,
  BrokerStatus,
  HealthAnswer,
  ReadyAnswer,
} from "../../operations/surface/broker-status.ts";
import type { DeliveryState } from "../../rules/delivery.ts";
import { type Presence, presenceOf } from "../../rules/presence.ts";
import { countForPeople, countOpen, oldestQueued } from "../../store/counts.ts";
import { countPeers, openSessions } from "../../store/peers.ts";
import type { Store } from "../../store/store.ts";
import type { BrokerClock } from "../clock.ts";
import type { SharedHints } from "../cluster/hints.ts";
import type { Fanout } from "../streams/fanout.ts";
import type { Metrics } from "./metrics.ts";
import type { Readiness } from "./readiness.ts";

/** A principal that has joined. */
type Joined = Exclude<Principal, { kind: "invitation" }>;
/** The part of the status that comes from the store. */
type Stored = Pick<BrokerStatus, "peers" | "messages" | "for_people" | "oldest_waiting_ms" | "database_bytes">;

export interface Monitoring {
  /** The process lives. With a token, also who it is. */
  health(principal: Principal | undefined): HealthAnswer;
  /** Whether the broker can do its work. With a token, also why not. */
  ready(principal: Principal | undefined): Promise<ReadyAnswer>;
  status(principal: Joined): Promise<BrokerStatus>;
  metrics(principal: Joined): Promise<{ contentType: string; text: string }>;
}

interface Monitored {
  store: Store;
  /** The database's schema version. */
  schema: number;
  metrics: Metrics;
  events: Fanout;
  connections: { count(): number };
  /** The brokers that share the database; `undefined` with SQLite. */
  others: SharedHints | undefined;
  /** The database, for people. */
  databaseName: string;
  readiness(): Promise<Readiness>;
  clock: BrokerClock;
  now(): number;
  steady(): number;
  /** Who the broker is, in as much detail as the principal may know. */
  identity(principal: Principal): BrokerIdentity;
}

export function createMonitoring(monitored: Monitored): Monitoring {
  const { store, metrics, events, connections, others, readiness, now } = monitored;
  const createdAt = monitored.steady();
  let printer: Promise<{ contentType: string; print(): Promise<string> }> | undefined;

  return {
    health: (principal) => ({ ok: true, ...(principal && monitored.identity(principal)) }),
    async ready(principal) {
      const { ready, reasons } = await readiness();
      return { ready, ...(principal && { reasons }) };
    },
    async status(principal) {
      const state = await readiness();
      return {
        ...monitored.identity(principal),
        ...state,
        schema: monitored.schema,
        uptime_ms: Math.round(monitored.steady() - createdAt),
        streams: events.count(),
        connections: connections.count(),
        swept_at: metrics.sweptAt ?? null,
        clock: clockShape(monitored.clock),
        hears_others: others?.isLive() ?? null,
        // Other machines need not know where the data is.
        ...(principal.kind === "home" ? { store: monitored.databaseName } : {}),
        ...(await readStored(store, state, now())),
      };
    },
    async metrics() {
      // A bundle of its own: most brokers are never asked for metrics.
      printer ??= import("./prometheus.ts").then(({ createPrinter }) =>
        createPrinter({
          metrics,
          streams: events.count,
          connections: connections.count,
          others,
          readiness,
          isClockConfirmed: monitored.clock.isConfirmed,
          openDeliveries: () => countOpenIfReady(store, readiness),
          storeCounts: store.counts,
        }),
      );
      const { contentType, print } = await printer;
      return { contentType, text: await print() };
    },
  };
}

function clockShape(clock: BrokerClock): BrokerStatus["clock"] {
  const doubt = clock.doubt();
  return doubt ? { confirmed: false, why: doubt.why, in_ms: doubt.for } : { confirmed: true };
}

/** Does not query a database that is down: the metrics that show this must still be answered. */
async function countOpenIfReady(
  store: Store,
  readiness: () => Promise<Readiness>,
): Promise<Partial<Record<DeliveryState, number>> | undefined> {
  return (await readiness()).ready ? store.read(countOpen) : undefined;
}

/** All `null` while the database does not work. */
async function readStored(store: Store, { ready }: Readiness, now: number): Promise<Stored> {
  if (!ready) return { peers: null, messages: null, for_people: null, oldest_waiting_ms: null, database_bytes: null };
  const found = await store.read(async (sql) => {
    const sessions = await openSessions(sql);
    const peers: Record<Presence, number> = { active: 0, idle: 0, busy: 0, blocked: 0, offline: 0 };
    for (const session of sessions) peers[presenceOf(session, now)]++;
    peers.offline += (await countPeers(sql)) - sessions.length;
    const oldest = await oldestQueued(sql);
    return {
      peers,
      messages: await countOpen(sql),
      for_people: await countForPeople(sql),
      oldest_waiting_ms: oldest === null ? null : Math.max(0, now - Math.floor(oldest / 1000)),
    };
  });
  return { ...found, database_bytes: await store.size() };
}
