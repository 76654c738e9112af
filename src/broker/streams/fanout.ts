/**
 * Fan-out of hints to event streams (SSE). A lost hint only delays mail: the store is the truth. A session with an open claim
 * gets mail in place of the hint, which saves it a request.
 */
import type { ServerResponse } from "node:http";
import type { Hint, OpenClaim } from "../../operations/core/transaction.ts";
import { createSemaphore } from "../../platform/semaphore.ts";

/** Streams get a comment this often, so that both sides notice a dead connection. */
const KEEP_ALIVE_MS = 15_000;
/**
 * A peer is one session with one stream, but old streams whose connection died may still be open. Beyond this number the
 * oldest stream is closed; a new one is never refused, because it is the one that somebody listens to.
 */
export const MAX_STREAMS = 8;
const DEVICES_PER_QUERY = 500;
/** Claims at a time: a message to a pool of thousands must not keep everything else waiting. */
export const MAX_CLAIMING = 32;
/** A session that asks itself gets its mail sooner. */
const CLAIM_WAIT_MS = 5_000;

export interface Fanout {
  publish(hint: Hint): void;
  /**
   * Turns a response into a peer's stream. It ends when `deviceId`, the device that it goes to, is revoked. `claims`: how to
   * claim for it.
   */
  open(peerId: string, deviceId: string | undefined, response: ServerResponse, claims?: StreamClaims): void;
  count(): number;
  /** Peers whose last stream has ended since this was called last. */
  takeEnded(): string[];
  isOpen(peerId: string): boolean;
  /** The peers and devices with open streams. */
  listeners(): { peers: string[]; devices: string[] };
  close(): void;
}

/** The answer to an open claim. `number`: how many answers with mail the stream had so far. */
interface Answer {
  number: number;
  messages: readonly unknown[];
}

/** The claims that the broker makes for a stream. */
export interface StreamClaims {
  /** The stream's id, which the session names in its claims. */
  id: string;
  /** Repeats an open claim. */
  claim(open: Pick<OpenClaim, "limit" | "budget">): Promise<Answer>;
  /** Returns what was claimed after the answer with this number, because nothing of it was written. */
  takeBack(written: number): Promise<void>;
}

interface Stream {
  response: ServerResponse;
  device: string | undefined;
  claims: StreamClaims | undefined;
  open: OpenClaim | undefined;
  /** A claim is under way, so hints wait for its answer. */
  isClaiming: boolean;
  /** Hints that wait until the client has read the earlier ones. Each kind once, however often it was published. */
  pending: Set<Hint["about"]>;
  /** The client has read nothing since the last keep-alive. */
  stalled: boolean;
}

/**
 * `revokedAmong`: the revoked ones of these devices. Asked with every keep-alive, because the hint of a revocation may get
 * lost; it may fail.
 */
export function createFanout(
  revokedAmong: (deviceIds: readonly string[]) => Promise<string[]>,
  keepAliveMs = KEEP_ALIVE_MS,
): Fanout {
  const streams = new Map<string, Set<Stream>>();
  const ended = new Set<string>();
  const permits = createSemaphore(MAX_CLAIMING);

  const hasEnded = ({ response }: Stream): boolean => response.destroyed || response.writableEnded;

  function send(stream: Stream, about: Hint["about"]): void {
    if (hasEnded(stream)) return;
    // Nothing piles up for a client that does not read.
    if (stream.isClaiming || stream.response.writableNeedDrain) stream.pending.add(about);
    else if (about === "mail" && stream.open && stream.claims) void claimFor(stream, stream.claims, stream.open);
    else stream.response.write(`event: ${about}\ndata: {}\n\n`);
  }

  function sendPending(stream: Stream): void {
    const pending = [...stream.pending];
    stream.pending.clear();
    for (const about of pending) send(stream, about);
  }

  /** Sends the answer to an open claim, or a hint if that fails. */
  async function claimFor(stream: Stream, claims: StreamClaims, open: OpenClaim): Promise<void> {
    const { response } = stream;
    stream.open = undefined;
    stream.isClaiming = true;
    let release = (): void => {};
    try {
      release = await permits.acquire(CLAIM_WAIT_MS, () => new Error("too many claims"));
      if (hasEnded(stream)) return;
      const answer = await claims.claim(open);
      if (hasEnded(stream)) {
        // Certainly not shown. If this fails, the session says so when it is back, or the lease lapses.
        if (answer.messages.length > 0) await claims.takeBack(answer.number - 1).catch(() => {});
        return;
      }
      response.write(`event: mail\ndata: ${JSON.stringify({ stream: claims.id, ...answer })}\n\n`);
    } catch {
      stream.pending.add("mail");
    } finally {
      release();
      stream.isClaiming = false;
      sendPending(stream);
    }
  }

  function keepAlive(stream: Stream): void {
    if (!stream.response.writableNeedDrain) stream.response.write(": still here\n\n");
    else if (stream.stalled) stream.response.destroy();
    else stream.stalled = true;
  }

  function end(deviceId: string): void {
    for (const all of streams.values()) for (const { response, device } of all) if (device === deviceId) response.end();
  }

  function listeners(): { peers: string[]; devices: string[] } {
    const all = [...streams.values()].flatMap((some) => [...some]);
    const devices = new Set(all.flatMap(({ device }) => device ?? []));
    return { peers: [...streams.keys()], devices: [...devices] };
  }

  async function endRevoked(): Promise<void> {
    const { devices } = listeners();
    for (let i = 0; i < devices.length; i += DEVICES_PER_QUERY)
      for (const device of await revokedAmong(devices.slice(i, i + DEVICES_PER_QUERY))) end(device);
  }

  const timer = setInterval(() => {
    for (const all of streams.values()) for (const stream of all) keepAlive(stream);
    // While the database is away, its next answer decides.
    endRevoked().catch(() => {});
  }, keepAliveMs);
  timer.unref();

  return {
    publish(hint) {
      if ("device_id" in hint) return end(hint.device_id);
      for (const stream of streams.get(hint.peer_id) ?? []) {
        if (hint.about !== "claim") send(stream, hint.about);
        else if (stream.claims?.id === hint.stream) stream.open = hint;
      }
    },
    open(peerId, device, response, claims) {
      const all = streams.get(peerId) ?? new Set<Stream>();
      const stream: Stream = {
        response,
        device,
        claims,
        open: undefined,
        isClaiming: false,
        pending: new Set(),
        stalled: false,
      };
      streams.set(peerId, all.add(stream));
      response.on("drain", () => {
        stream.stalled = false;
        sendPending(stream);
      });
      response.on("close", () => {
        all.delete(stream);
        if (all.size === 0 && streams.get(peerId) === all) {
          streams.delete(peerId);
          ended.add(peerId);
        }
      });
      response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
      // Makes the client check its mail now that it listens: it may have missed a hint before.
      response.write(`event: mail\ndata: ${JSON.stringify(claims ? { stream: claims.id } : {})}\n\n`);
      const [oldest] = all;
      if (all.size > MAX_STREAMS && oldest) {
        all.delete(oldest);
        oldest.response.end();
      }
    },
    count: () => [...streams.values()].reduce((sum, all) => sum + all.size, 0),
    takeEnded() {
      const all = [...ended];
      ended.clear();
      return all;
    },
    isOpen: (peerId) => streams.has(peerId),
    listeners,
    close() {
      clearInterval(timer);
      for (const all of streams.values()) for (const stream of all) stream.response.end();
    },
  };
}
