/** Connection options from a database URL, with TLS by default for other machines. */
import type { ClientConfig } from "pg";
import { parseIntoClientConfig } from "pg-connection-string";
import { isLoopback } from "../../platform/network.ts";

/**
 * Options for `postgres://user:password@host:port/database?sslmode=…`. Connections to other machines use TLS with
 * certificate verification unless the URL says otherwise, because they carry passwords and everybody's messages.
 */
export function connectionOptions(url: string): ClientConfig {
  // Not when connecting: poolers reject parameters that they do not know.
  const { statement_timeout: _, ...options } = parseIntoClientConfig(url);
  const { host = "" } = options;
  const isLocal = host === "" || host.startsWith("/") || isLoopback(host);
  return {
    ...options,
    ...(options.ssl === undefined && !isLocal && { ssl: {} }),
    application_name: "cct",
    keepAlive: true,
  };
}

/** How long a database may take, in milliseconds. */
interface Patience {
  connectMs: number;
  statementMs: number;
}

const PATIENCE: Patience = { connectMs: 3_000, statementMs: 5_000 };

/** As the URL says, in PostgreSQL's own words: `connect_timeout` in seconds, `statement_timeout` in milliseconds. */
export function patienceOf(url: string): Patience {
  const given: Record<string, unknown> = { ...parseIntoClientConfig(url) };
  const positive = (name: string): number | undefined => (Number(given[name]) > 0 ? Number(given[name]) : undefined);
  return {
    connectMs: (positive("connect_timeout") ?? 0) * 1_000 || PATIENCE.connectMs,
    statementMs: positive("statement_timeout") ?? PATIENCE.statementMs,
  };
}

/** A database's name for display, without user, password and options. */
export function databaseName(url: string): string {
  const { host, port, database } = parseIntoClientConfig(url);
  return `postgres ${host || "localhost"}${port ? `:${port}` : ""}/${database ?? ""}`;
}
