/** Connection options from a database URL, with TLS by default for other machines. */
import type { ClientConfig } from "pg";
import { parseIntoClientConfig } from "pg-connection-string";
import { isLoopback } from "../../platform/network.ts";

/**
 * Options for `postgres://user:password@host:port/database?sslmode=…`. Connections to other machines use TLS with
 * certificate verification unless the URL says otherwise, because they carry passwords and everybody's messages.
 */
export function connectionOptions(url: string): ClientConfig {
  const options = parseIntoClientConfig(url);
  const { host = "" } = options;
  const isLocal = host === "" || host.startsWith("/") || isLoopback(host);
  return {
    ...options,
    ...(options.ssl === undefined && !isLocal && { ssl: {} }),
    application_name: "cct",
    keepAlive: true,
  };
}

/** A database's name for display, without user, password and options. */
export function databaseName(url: string): string {
  const { host, port, database } = parseIntoClientConfig(url);
  return `postgres ${host || "localhost"}${port ? `:${port}` : ""}/${database ?? ""}`;
}
