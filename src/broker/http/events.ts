/** Fan-out: which streams are open, and the hints that go to them. A hint that is lost is only late: the store is the truth. */
import type { ServerResponse } from "node:http";
import type { Hint } from "../../operations/core/transaction.ts";

/** Idle streams get a comment this often, so that both sides notice a dead one. */
const PULSE_MS = 15_000;
/**
 * One peer is one session, with one stream. While it reconnects there may be dead ones that nobody has noticed: so the
 * oldest is ended when there are more, never the new one refused, which is the one that somebody listens to.
 */
export const MAX_STREAMS = 8;

export interface Fanout {
  publish(hint: Hint): void;
  /** Turns a response into a peer's stream, which ends when `deviceId` (the machine that it goes to) is revoked. */
  open(peerId: string, deviceId: string | undefined, response: ServerResponse): void;
  count(): number;
  /** Whose streams are open, and the other machines that they go to. */
  listeners(): { peers: string[]; devices: string[] };
  close(): void;
}

interface Stream {
  response: ServerResponse;
  /** The other machine that it goes to. */
  device: string | undefined;
  /** What there is to say once its reader has taken what was said before: one of each, however often it happened. */
  unsaid: Set<Hint["about"]>;
  /** Its reader has taken nothing for a whole pulse. */
  stuck: boolean;
}

export function fanout(pulseMs = PULSE_MS): Fanout {
  const streams = new Map<string, Set<Stream>>();

  function say(stream: Stream, about: Hint["about"]): void {
    // A reader that does not read makes nothing pile up here: it is told later, or cut off.
    if (stream.response.writableNeedDrain) stream.unsaid.add(about);
    else stream.response.write(`event: ${about}\ndata: {}\n\n`);
  }

  function pulse(stream: Stream): void {
    if (!stream.response.writableNeedDrain) stream.response.write(": still here\n\n");
    else if (stream.stuck) stream.response.destroy();
    else stream.stuck = true;
  }

  const timer = setInterval(() => {
    for (const all of streams.values()) for (const stream of all) pulse(stream);
  }, pulseMs);
  timer.unref();

  return {
    publish(hint) {
      if ("device_id" in hint) {
        for (const all of streams.values())
          for (const { response, device } of all) if (device === hint.device_id) response.end();
        return;
      }
      for (const stream of streams.get(hint.peer_id) ?? []) say(stream, hint.about);
    },
    open(peerId, device, response) {
      const all = streams.get(peerId) ?? new Set<Stream>();
      const stream: Stream = { response, device, unsaid: new Set(), stuck: false };
      streams.set(peerId, all.add(stream));
      response.on("drain", () => {
        stream.stuck = false;
        const unsaid = [...stream.unsaid];
        stream.unsaid.clear();
        for (const about of unsaid) say(stream, about);
      });
      response.on("close", () => {
        all.delete(stream);
        if (all.size === 0 && streams.get(peerId) === all) streams.delete(peerId);
      });
      response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
      // The client looks for mail when it hears this: listen first, then catch up.
      response.write("event: mail\ndata: {}\n\n");
      const [oldest] = all;
      if (all.size > MAX_STREAMS && oldest) {
        all.delete(oldest);
        oldest.response.end();
      }
    },
    count: () => [...streams.values()].reduce((sum, all) => sum + all.size, 0),
    listeners() {
      const all = [...streams.values()].flatMap((some) => [...some]);
      const devices = new Set(all.flatMap(({ device }) => device ?? []));
      return { peers: [...streams.keys()], devices: [...devices] };
    },
    close() {
      clearInterval(timer);
      for (const all of streams.values()) for (const stream of all) stream.response.end();
    },
  };
}
