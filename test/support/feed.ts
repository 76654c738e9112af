/** The feed for people, as any client would read it. */
import { get, type IncomingMessage } from "node:http";
import { createParser } from "eventsource-parser";
import type { FeedBatch } from "../../src/operations/support/feed-rows.ts";
import { goodHeaders } from "./api.ts";
import type { TestBroker } from "./broker.ts";
import { atEnd } from "./cleanup.ts";
import { until } from "./wait.ts";

export interface TestFeed {
  batches: readonly FeedBatch[];
  /** The place of the last batch. */
  place(): string | undefined;
  /** Waits for a batch like this. */
  find(what: string, like: (batch: FeedBatch) => boolean): Promise<FeedBatch>;
  ended: Promise<void>;
  close(): void;
}

export async function openFeed(broker: Pick<TestBroker, "url" | "token">, after?: string): Promise<TestFeed> {
  const headers = { ...goodHeaders(broker, {}), ...(after === undefined ? {} : { "last-event-id": after }) };
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(new URL("/feed", broker.url), { agent: false, headers }, resolve).on("error", reject);
  });
  if (response.statusCode !== 200) throw new Error(`/feed answered ${response.statusCode}`);
  const batches: FeedBatch[] = [];
  let place: string | undefined;
  const parser = createParser({
    onEvent({ id, data }) {
      place = id;
      batches.push(JSON.parse(data));
    },
  });
  const ended = new Promise<void>((resolve) => {
    response.on("close", resolve);
    response.on("error", () => {});
  });
  response.setEncoding("utf8").on("data", (text: string) => parser.feed(text));
  const close = (): void => void response.destroy();
  atEnd(close);
  return { batches, place: () => place, find: (what, like) => until(what, () => batches.find(like)), ended, close };
}
