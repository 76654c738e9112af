/** Probes and renews the services of the session's peer while the session lives. */
import type { Client } from "../client/client.ts";
import { probeAndRenew } from "../client/services.ts";
import type { Credentials } from "../operations/core/identity.ts";

/** How often to renew, and to look for new services. A short TTL makes it more often. */
const RENEW_MS = 15_000;

/** Keeps the peer's services until `close`. `peer` throws while the session is not registered. */
export function keepServices(client: Client, peer: () => Credentials, machine: string): { close(): void } {
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  function renewIn(ms: number): void {
    if (closed) return;
    timer = setTimeout(async () => renewIn(await renewAll()), ms).unref();
  }

  /** Returns the milliseconds until the next time. */
  async function renewAll(): Promise<number> {
    try {
      const as = peer();
      const { services } = await client.call("services_to_renew", {}, as);
      // A service on another machine cannot be probed from here: its URL may say localhost.
      const here = services.filter(({ host }) => host === machine);
      // A failure of one, such as one unregistered meanwhile, must not stop the others.
      await Promise.allSettled(here.map((service) => probeAndRenew(client, service, as)));
      return Math.min(RENEW_MS, ...here.map(({ ttl_seconds }) => (ttl_seconds * 1000) / 3));
    } catch {
      // Not registered, or the broker is away: the connection recovers by itself.
      return RENEW_MS;
    }
  }

  renewIn(RENEW_MS);
  return {
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}
