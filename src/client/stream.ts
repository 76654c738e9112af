/** A peer's event stream that stays: it reconnects with growing pauses, and every (re)connection begins with a hint to catch up. */
import { createParser } from "eventsource-parser";
import type { Credentials } from "../operations/core/identity.ts";
import { CctError } from "../platform/errors.ts";
import { pauseAfter } from "../rules/backoff.ts";
import type { Client } from "./client.ts";

const FIRST_PAUSE_MS = 100;
/** A stream that broke sooner than this was no success: a broker that opens and closes is not asked all the time. */
const STEADY_MS = 5_000;
/** The broker sends a comment every 15 s; a stream that is silent for longer is dead. */
const SILENCE_MS = 40_000;

export interface StreamListener {
  /** The stream is open. */
  up(): void;
  /** Something happened: look. */
  hint(about: string): void;
  /** The stream broke, or could not be opened; it will be tried again. */
  down(error: CctError): Promise<void> | void;
}

/** Listens until `close` is called. `random`: 0 to 1, spreads the pauses of many clients. */
export function listen(
  client: Client,
  credentials: () => Credentials,
  listener: StreamListener,
  random: () => number,
): { close(): void } {
  let closed = false;
  let stop: () => void = () => {};

  async function run(): Promise<void> {
    /** In rounds: as long as there is another broker to go to, that is no reason to wait longer. */
    let failures = 0;
    while (!closed) {
      let steady: NodeJS.Timeout | undefined;
      let opened = false;
      try {
        const response = await client.openStream(credentials());
        if (closed) return void response.destroy();
        opened = true;
        stop = () => response.destroy();
        steady = setTimeout(() => {
          failures = 0;
        }, STEADY_MS).unref();
        listener.up();
        const parser = createParser({ onEvent: (event) => listener.hint(event.event ?? "mail") });
        response.setTimeout(SILENCE_MS, () => response.destroy(new Error("the stream fell silent")));
        response.setEncoding("utf8");
        for await (const text of response) parser.feed(text);
        throw new CctError("unavailable", "The broker closed the stream.", "");
      } catch (error) {
        if (closed) return;
        const known =
          error instanceof CctError ? error : new CctError("unavailable", "The stream to the broker broke.", "");
        await listener.down(known);
      } finally {
        clearTimeout(steady);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, pauseAfter(failures, FIRST_PAUSE_MS, random()));
        stop = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      // To open one, every broker was asked.
      failures += opened ? 1 / client.choices() : 1;
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
