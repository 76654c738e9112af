/** What a database's URL says, and what it must not leave unsaid. */
import type { ClientConfig } from "pg";
import { parseIntoClientConfig } from "pg-connection-string";

/**
 * The options of a connection to `postgres://user:password@host:port/database?sslmode=…`. To another machine it is TLS with
 * a certificate that holds, unless the URL says otherwise: passwords and everybody's messages go that way.
 */
export function connectionOptions(url: string): ClientConfig {
  const options = parseIntoClientConfig(url);
  const { host = "" } = options;
  const isHere = host === "" || host.startsWith("/") || /^(?:localhost|127(?:\.\d{1,3}){3}|::1)$/i.test(host);
  return {
    ...options,
    ...(options.ssl === undefined && !isHere && { ssl: {} }),
    application_name: "cct",
    keepAlive: true,
  };
}

/** Where a database is, for people: no user, no password, no options. */
export function databaseName(url: string): string {
  const { host, port, database } = parseIntoClientConfig(url);
  return `postgres ${host || "localhost"}${port ? `:${port}` : ""}/${database ?? ""}`;
}
