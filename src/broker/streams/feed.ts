/**
 * The feed for people (SSE): what changes, in batches, with the rows of what changed. It is only a hint: a reader that missed
 * something is told to look again, and the store is the truth. Without readers it costs nothing.
 */
import type { ServerResponse } from "node:http";
import type { DeliveryEvent } from "../../operations/core/transaction.ts";
import { type Batches, batchOf, type FeedBatch } from "../../operations/support/feed-rows.ts";
import type { Sees } from "../../operations/support/shapes.ts";
import {
  type Changed,
  changesByDelivery,
  collect,
  nothingCollected,
  placeFrom,
  placeText,
  readerToClose,
  sizeOf,
} from "../../rules/feed.ts";
import type { Store } from "../../store/store.ts";

/** From the first change to its batch. With the reading of its rows a batch takes less than 100 ms. */
const BATCH_MS = 60;
/** More changes than this in one batch are not told one by one. */
const MOST_CHANGES = 400;
/** Batches that a reader can catch up on, and for how long they are kept when nobody reads. */
const MOST_KEPT = 200;
const MOST_KEPT_CHARACTERS = 4_000_000;
const KEPT_MS = 10_000;
/** The other brokers hear within this time that somebody reads here. */
const HEARD_MS = 1_000;
const KEEP_ALIVE_MS = 15_000;

interface FeedReader {
  response: ServerResponse;
  sees: Sees;
  /** The place after which it goes on (`Last-Event-ID`). */
  after: string | undefined;
  /** The device whose token it uses, itself or by its browser; `undefined`: the home's. */
  device: string | undefined;
  /** The device and the browser that it is on: the stream ends when one of them is revoked. */
  revocable: readonly string[];
  /** Asked at the start and with every keep-alive: the stream ends when it rejects. */
  mayRead(): Promise<unknown>;
}

export interface Feed {
  /** Turns a response into a stream of batches. */
  open(reader: FeedReader): void;
  /** Something changed, by this broker's doing. */
  changed(what: Changed): void;
  /** A delivery or a message was made or changed, by this broker's doing. */
  happened(event: DeliveryEvent): void;
  /** Something changed, by another broker's doing. */
  received(what: Changed): void;
  /** What others did may have been missed: all readers look again. */
  lookAgain(): void;
  /** Whether somebody reads here, or may come back. */
  isRead(): boolean;
  endDevice(deviceId: string): void;
  close(): void;
}

/** The other brokers that share the database. */
export interface FeedSharing {
  /** Whether somebody reads at one of them. */
  isWatched(): boolean;
  share(what: Changed): void;
  /** Somebody began to read here. */
  watch(): void;
}

interface Parts {
  store: Pick<Store, "read">;
  now(): number;
  /** Milliseconds, monotonic. */
  steady(): number;
  /** Eight hexadecimal characters, unique to this run of the broker. */
  run: string;
  others: () => FeedSharing | undefined;
  keepAliveMs?: number;
}

interface Reader extends FeedReader {
  /** It got less than there was: it looks again once it has read. */
  isBehind: boolean;
  stalled: boolean;
}

/** A batch as it was sent. */
interface Kept {
  number: number;
  texts: Record<Sees, string>;
}

export function createFeed({ store, now, steady, run, others, keepAliveMs = KEEP_ALIVE_MS }: Parts): Feed {
  const readers = new Set<Reader>();
  let collected = nothingCollected();
  let mustLookAgain = false;
  let timer: NodeJS.Timeout | undefined;
  let isReading = false;
  let number = 0;
  let kept: Kept[] = [];
  let keptCharacters = 0;
  /** When the last reader left. */
  let leftAt = Number.NEGATIVE_INFINITY;
  let isClosed = false;

  const isRead = (): boolean => readers.size > 0 || steady() - leftAt < KEPT_MS;
  const here = (): string => placeText({ run, number });

  function write(reader: Reader, text: string): void {
    // Not even that something happened, to a reader who may not see what.
    if (text === "" || reader.response.destroyed || reader.response.writableEnded) return;
    // Nothing piles up for a client that does not read.
    if (reader.response.writableNeedDrain) reader.isBehind = true;
    else reader.response.write(text);
  }

  const eventText = (place: string, batch: FeedBatch): string =>
    `id: ${place}\nevent: changes\ndata: ${JSON.stringify(batch)}\n\n`;

  const lookAgainText = (): string => eventText(here(), { look_again: true });

  function received(what: Changed): void {
    if (!isRead()) return;
    collect(collected, what);
    schedule();
  }

  function tell(what: Changed): void {
    received(what);
    const sharing = others();
    if (sharing?.isWatched()) sharing.share(what);
  }

  function schedule(): void {
    if (timer !== undefined || isReading || isClosed) return;
    timer = setTimeout(() => void flush(), BATCH_MS);
    timer.unref();
  }

  function lookAgain(): void {
    if (!isRead()) return;
    mustLookAgain = true;
    schedule();
  }

  async function flush(): Promise<void> {
    timer = undefined;
    isReading = true;
    const all = collected;
    const look: FeedBatch = mustLookAgain ? { look_again: true } : {};
    collected = nothingCollected();
    mustLookAgain = false;
    const onlyLook: Batches = { all: { look_again: true }, public: { look_again: true } };
    // While the database is away, readers look again when it is back.
    const batches =
      sizeOf(all) > MOST_CHANGES ? onlyLook : await store.read((sql) => batchOf(sql, all, now())).catch(() => onlyLook);
    isReading = false;
    if (isClosed) return;
    send({ all: { ...batches.all, ...look }, public: { ...batches.public, ...look } });
    if (sizeOf(collected) > 0 || collected.attention || collected.services || mustLookAgain) schedule();
  }

  function send(batches: Batches): void {
    number++;
    const text = (batch: FeedBatch): string => (Object.keys(batch).length === 0 ? "" : eventText(here(), batch));
    const texts = { all: text(batches.all), public: text(batches.public) };
    keep({ number, texts });
    for (const reader of readers) write(reader, texts[reader.sees]);
  }

  function keep(batch: Kept): void {
    kept.push(batch);
    keptCharacters += charactersOf(batch);
    while (kept.length > MOST_KEPT || (keptCharacters > MOST_KEPT_CHARACTERS && kept.length > 1)) {
      const oldest = kept.shift();
      if (oldest) keptCharacters -= charactersOf(oldest);
    }
  }

  /** What a reader missed after its place; `undefined` if that is not known any more. */
  function missedSince(after: string | undefined): Kept[] | undefined {
    const place = placeFrom(after);
    if (place?.run !== run || place.number > number) return undefined;
    const missed = kept.filter((batch) => batch.number > place.number);
    return missed.length === number - place.number ? missed : undefined;
  }

  /** Nothing was collected while nobody read, so nobody goes on from before. */
  function forgetUnread(): void {
    number++;
    kept = [];
    keptCharacters = 0;
    collected = nothingCollected();
    mustLookAgain = false;
  }

  function keepAlive(reader: Reader): void {
    const { response } = reader;
    if (!response.writableNeedDrain) response.write(": still here\n\n");
    else if (reader.stalled) response.destroy();
    else reader.stalled = true;
    reader.mayRead().catch(() => response.end());
  }

  const pulse = setInterval(() => {
    for (const reader of readers) keepAlive(reader);
  }, keepAliveMs);
  pulse.unref();

  return {
    open(given) {
      const isFirst = !isRead();
      if (isFirst) forgetUnread();
      const reader: Reader = { ...given, isBehind: false, stalled: false };
      const { response } = reader;
      readers.add(reader);
      others()?.watch();
      // What others did before they heard of it was not shared.
      if (isFirst && others()) setTimeout(lookAgain, HEARD_MS).unref();
      response.on("drain", () => {
        reader.stalled = false;
        if (!reader.isBehind) return;
        reader.isBehind = false;
        write(reader, lookAgainText());
      });
      response.on("close", () => {
        if (readers.delete(reader) && readers.size === 0) leftAt = steady();
      });
      response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
      const missed = missedSince(reader.after);
      if (!missed) write(reader, lookAgainText());
      else if (missed.length === 0) write(reader, ": nothing was missed\n\n");
      else for (const { texts } of missed) write(reader, texts[reader.sees]);
      // Its right may have ended between the check and this.
      reader.mayRead().catch(() => response.end());
      const surplus = readerToClose(readers);
      if (!surplus) return;
      readers.delete(surplus);
      surplus.response.end();
    },
    changed: tell,
    happened(event) {
      if (!isRead() && !others()?.isWatched()) return;
      const changes: Changed[] =
        event.what === "sent" ? [{ what: "message", seq: event.seq }] : changesByDelivery(event.before, event.after);
      for (const what of changes) tell(what);
    },
    received,
    lookAgain,
    isRead,
    endDevice(deviceId) {
      for (const { response, revocable } of readers) if (revocable.includes(deviceId)) response.end();
    },
    close() {
      isClosed = true;
      clearInterval(pulse);
      clearTimeout(timer);
      for (const { response } of readers) response.end();
    },
  };
}

const charactersOf = ({ texts }: Kept): number => texts.all.length + texts.public.length;
