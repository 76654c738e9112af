/** Event streams (SSE) that reconnect with exponential backoff and jitter. Each connection starts with a hint to catch up. */
import type { IncomingMessage } from "node:http";
import { createParser, type EventSourceMessage } from "eventsource-parser";
import type { Credentials } from "../operations/core/identity.ts";
import { CctError } from "../platform/errors.ts";
import { backoffMs } from "../rules/backoff.ts";
import type { ClaimAnswer } from "../rules/mailjobs.ts";
import type { Client } from "./client.ts";
import { readAll } from "./exchange.ts";

const FIRST_PAUSE_MS = 100;
/** Only a stream that lasted this long resets the backoff; otherwise a broker that accepts and closes would be flooded. */
const STABLE_MS = 5_000;
/** The broker sends a comment every 15 s. */
const IDLE_TIMEOUT_MS = 40_000;

/** What comes with an event: nothing, the stream's id, or the answer to an open claim. */
export type StreamData = { stream?: string } | ({ stream: string; number: number } & ClaimAnswer);

export interface StreamListener {
  /** The stream is open. */
  up(): void;
  /** The broker reports a change: fetch it, unless it came with it. */
  hint(data: StreamData): void;
  /** The stream broke or could not be opened. Reconnecting starts when the promise resolves. */
  down(error: CctError): Promise<void> | void;
}

/** Listens until `close` is called. `random` (0 to 1) gives the jitter. */
export function listen(
  client: Client,
  credentials: () => Credentials | undefined,
  listener: StreamListener,
  random: () => number,
): { close(): void } {
  return keepOpen(client, random, {
    ...listener,
    open: () => client.openStream(credentials()),
    event: ({ data }) => listener.hint(JSON.parse(data)),
  });
}

/** A stream of events that is opened again whenever it ends. */
interface Lasting extends Pick<StreamListener, "up" | "down"> {
  open(): Promise<IncomingMessage>;
  /** If it throws, the stream breaks, and the next one begins with a hint. */
  event(event: EventSourceMessage): void;
}

export function keepOpen(
  client: Pick<Client, "brokerCount">,
  random: () => number,
  stream: Lasting,
): { close(): void } {
  let closed = false;
  let stop: () => void = () => {};

  async function run(): Promise<void> {
    /** Counted in rounds over all brokers: one broken stream is a small failure while others can be tried. */
    let failures = 0;
    while (!closed) {
      let stable: NodeJS.Timeout | undefined;
      let opened = false;
      try {
        const response = await stream.open();
        if (closed) return void response.destroy();
        opened = true;
        stop = () => response.destroy();
        stable = setTimeout(() => {
          failures = 0;
        }, STABLE_MS).unref();
        stream.up();
        const parser = createParser({ onEvent: stream.event });
        response.setTimeout(IDLE_TIMEOUT_MS, () => response.destroy(new Error("idle timeout")));
        response.setEncoding("utf8");
        await readAll<string>(response, (text) => parser.feed(text));
        throw new CctError("unavailable", "The broker closed the stream.", "");
      } catch (error) {
        if (closed) return;
        await stream.down(
          error instanceof CctError ? error : new CctError("unavailable", "The event stream broke.", ""),
        );
      } finally {
        clearTimeout(stable);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, backoffMs(failures, FIRST_PAUSE_MS, random()));
        stop = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      // A failure to open means that every broker was tried: a whole round.
      failures += opened ? 1 / client.brokerCount() : 1;
    }
  }
  void run();
  return {
    close() {
      closed = true;
      stop();
    },
  };
}
