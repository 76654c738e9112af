/** Fan-out of hints to event streams (SSE). A lost hint only delays mail: the store is the truth. */
import type { ServerResponse } from "node:http";
import type { Hint } from "../../operations/core/transaction.ts";

/** Streams get a comment this often, so that both sides notice a dead connection. */
const KEEP_ALIVE_MS = 15_000;
/**
 * A peer is one session with one stream, but old streams whose connection died may still be open. Beyond this number the
 * oldest stream is closed; a new one is never refused, because it is the one that somebody listens to.
 */
export const MAX_STREAMS = 8;
const DEVICES_PER_QUERY = 500;

export interface Fanout {
  publish(hint: Hint): void;
  /** Turns a response into a peer's stream. It ends when `deviceId`, the device that it goes to, is revoked. */
  open(peerId: string, deviceId: string | undefined, response: ServerResponse): void;
  count(): number;
  /** The peers and devices with open streams. */
  listeners(): { peers: string[]; devices: string[] };
  close(): void;
}

interface Stream {
  response: ServerResponse;
  device: string | undefined;
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

  function send(stream: Stream, about: Hint["about"]): void {
    // Nothing piles up for a client that does not read.
    if (stream.response.writableNeedDrain) stream.pending.add(about);
    else stream.response.write(`event: ${about}\ndata: {}\n\n`);
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
      for (const stream of streams.get(hint.peer_id) ?? []) send(stream, hint.about);
    },
    open(peerId, device, response) {
      const all = streams.get(peerId) ?? new Set<Stream>();
      const stream: Stream = { response, device, pending: new Set(), stalled: false };
      streams.set(peerId, all.add(stream));
      response.on("drain", () => {
        stream.stalled = false;
        const pending = [...stream.pending];
        stream.pending.clear();
        for (const about of pending) send(stream, about);
      });
      response.on("close", () => {
        all.delete(stream);
        if (all.size === 0 && streams.get(peerId) === all) streams.delete(peerId);
      });
      response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
      // Makes the client check its mail now that it listens: it may have missed a hint before.
      response.write("event: mail\ndata: {}\n\n");
      const [oldest] = all;
      if (all.size > MAX_STREAMS && oldest) {
        all.delete(oldest);
        oldest.response.end();
      }
    },
    count: () => [...streams.values()].reduce((sum, all) => sum + all.size, 0),
    listeners,
    close() {
      clearInterval(timer);
      for (const all of streams.values()) for (const stream of all) stream.response.end();
    },
  };
}
