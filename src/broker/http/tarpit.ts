/** Tarpit: delays the answer to wrong credentials, so that tokens and secrets cannot be guessed quickly. */
import type { IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import type { Metrics } from "../operator/metrics.ts";
import type { Throttle } from "./throttle.ts";

/** Max delayed 401 responses; beyond it, drop the connection. */
const MAX_DELAYED = 64;
/** After this many failures of one address, only every hundredth is logged. */
const LOGGED_FAILURES = 10;

export interface Tarpit {
  /** Records wrong credentials and waits as long as their address has to. `false`: drop the connection instead. */
  delay(request: IncomingMessage): Promise<boolean>;
}

export function createTarpit(parts: { throttle: Throttle; log: Logger; metrics: Metrics; now(): number }): Tarpit {
  const { throttle, log, metrics, now } = parts;
  let delayed = 0;
  return {
    async delay(request) {
      const address = request.socket.remoteAddress;
      metrics.wrongCredentials++;
      const failures = throttle.failed(address, now());
      // Never the credentials themselves.
      if (failures <= LOGGED_FAILURES || failures % 100 === 0) log.warn({ address, failures }, "wrong credentials");
      const waitMs = throttle.failureDelayMs(address, now());
      if (waitMs === 0) return true;
      if (delayed >= MAX_DELAYED) return false;
      delayed++;
      await sleep(waitMs, undefined, { ref: false });
      delayed--;
      return true;
    },
  };
}
