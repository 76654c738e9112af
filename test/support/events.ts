/** A peer's event stream, as any client would read it. */
import { get, type IncomingMessage } from "node:http";
import { createParser } from "eventsource-parser";
import { type Credentials, goodHeaders } from "./api.ts";
import type { TestBroker } from "./broker.ts";
import { atEnd } from "./cleanup.ts";
import { until } from "./wait.ts";

export interface Events {
  /** The names of the events so far. */
  seen(): readonly string[];
  /** How many comments came: the broker sends one every 15 s, when it looks whether devices were revoked. */
  comments(): number;
  /** What came with each of them. */
  data(): readonly Record<string, unknown>[];
  /** Waits until `count` events have come. */
  count(count: number): Promise<readonly string[]>;
  /** `ended`: the broker closed it in good order. `broken`: it broke. */
  over: Promise<"ended" | "broken">;
  close(): void;
}

export async function openEvents(broker: TestBroker, as: Credentials | undefined): Promise<Events> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(new URL("/events", broker.url), { agent: false, headers: goodHeaders(broker, { as }) }, resolve).on(
      "error",
      reject,
    );
  });
  if (response.statusCode !== 200) throw new Error(`/events answered ${response.statusCode}`);
  const events: string[] = [];
  const all: Record<string, unknown>[] = [];
  let comments = 0;
  const parser = createParser({
    onEvent({ event = "message", data }) {
      events.push(event);
      all.push(JSON.parse(data));
    },
    onComment() {
      comments++;
    },
  });
  const over = new Promise<"ended" | "broken">((resolve) => {
    response.on("end", () => resolve("ended"));
    response.on("error", () => resolve("broken"));
  });
  response.setEncoding("utf8").on("data", (text: string) => parser.feed(text));
  const close = (): void => void response.destroy();
  atEnd(close);
  return {
    seen: () => events,
    data: () => all,
    comments: () => comments,
    count: (count) => until(`${count} events`, () => events.length >= count && events),
    over,
    close,
  };
}
