/** The feed for people: what changes at the broker, in batches. It goes on after the last batch when the stream breaks. */
import type { FeedBatch } from "../operations/support/feed-rows.ts";
import type { Client } from "./client.ts";
import { keepOpen, type StreamListener } from "./stream.ts";

interface FeedListener extends Pick<StreamListener, "up" | "down"> {
  batch(batch: FeedBatch): void;
}

/** Follows until `close` is called. The first batch says to look: what changes after that look is told. */
export function followFeed(client: Client, random: () => number, listener: FeedListener): { close(): void } {
  let place: string | undefined;
  return keepOpen(client, random, {
    ...listener,
    open: () => client.openFeed(place),
    event({ event, data, id }) {
      if (event !== "changes") return;
      // The broker makes batches of this type.
      listener.batch(JSON.parse(data) as FeedBatch);
      place = id ?? place;
    },
  });
}
