/** What a broker tells of itself at `GET /status`. No operation: it must answer while the database does not. */
import type { DeliveryState } from "../../rules/delivery.ts";
import type { Presence } from "../../rules/presence.ts";

/** Who a broker is; what is optional is told to its own home only. */
export interface BrokerIdentity {
  version: string;
  /** `user@machine` */
  name: string;
  started_at: number;
  pid?: number;
  home?: string;
  url?: string;
  streams?: number;
  /** How other machines reach it. */
  lan?: { addresses: string[]; tls: boolean; fingerprint?: string } | undefined;
}

export interface BrokerStatus extends BrokerIdentity {
  ready: boolean;
  /** Why it is not. */
  reasons: string[];
  schema: number;
  uptime_ms: number;
  streams: number;
  connections: number;
  /** When a sweep last came to its end. */
  swept_at: number | null;
  /** Whether it hears the brokers with which it shares a database; `null`: it is alone. */
  hears_others: boolean | null;
  /** What the data lies in, and where; only for the broker's own home. */
  store?: string;
  /** `null`, as all that follows, while the database does not work. */
  peers: Partial<Record<Presence, number>> | null;
  /** Deliveries in the open states. */
  messages: Partial<Record<DeliveryState, number>> | null;
  /** For how long the oldest queued message has waited; `null` also when none waits. */
  oldest_waiting_ms: number | null;
  database_bytes: number | null;
}
