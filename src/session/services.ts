/** The services of the session's peer: probed on this machine and renewed, for as long as the session lives. */
import type { Client } from "../client/client.ts";
import { probeAndRenew } from "../client/services.ts";
import type { Credentials } from "../operations/core/identity.ts";

/** How often it is looked whether the peer has any; for one with a short TTL, more often than that. */
const LOOK_MS = 15_000;

/** Keeps the peer's services until `close`. `peer` throws while the session is not registered. */
export function keepServices(client: Client, peer: () => Credentials, machine: string): { close(): void } {
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  function lookIn(ms: number): void {
    if (closed) return;
    timer = setTimeout(async () => lookIn(await renewAll()), ms).unref();
  }

  /** Answers how long to wait until the next time. */
  async function renewAll(): Promise<number> {
    try {
      const as = peer();
      const { services } = await client.call("services_to_renew", {}, as);
      // What `localhost` means on another machine cannot be seen from here.
      const here = services.filter(({ host }) => host === machine);
      // One that cannot be renewed (it was unregistered a moment ago) is no reason to leave the others.
      await Promise.allSettled(here.map((service) => probeAndRenew(client, service, as)));
      return Math.min(LOOK_MS, ...here.map(({ ttl_seconds }) => (ttl_seconds * 1000) / 3));
    } catch {
      // Not registered, or the broker is away: the link mends that, and until then nothing can be renewed.
      return LOOK_MS;
    }
  }

  lookIn(LOOK_MS);
  return {
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}
