/** Fan-out: which streams are open, and the hints that go to them. A hint that is lost is only late: the store is the truth. */
import type { ServerResponse } from "node:http";
import type { Hint } from "../operations/operation.ts";

/** Idle streams get a comment this often, so that both sides notice a dead one. */
const PULSE_MS = 15_000;
/** A reader that lets more than this pile up is cut off; it reconnects and catches up. */
const MAX_BACKLOG_BYTES = 256 * 1024;

export interface Fanout {
  publish(hint: Hint): void;
  /** Turns a response into a peer's stream, which ends when `deviceId` (the machine that it goes to) is revoked. */
  open(peerId: string, deviceId: string | undefined, response: ServerResponse): void;
  count(): number;
  close(): void;
}

export function fanout(): Fanout {
  const streams = new Map<string, Set<ServerResponse>>();
  const devices = new WeakMap<ServerResponse, string>();

  function write(response: ServerResponse, text: string): void {
    if (response.writableLength > MAX_BACKLOG_BYTES) response.destroy();
    else response.write(text);
  }

  const pulse = setInterval(() => {
    for (const responses of streams.values()) for (const response of responses) write(response, ": still here\n\n");
  }, PULSE_MS);
  pulse.unref();

  return {
    publish(hint) {
      if ("device_id" in hint) {
        for (const responses of streams.values())
          for (const response of responses) if (devices.get(response) === hint.device_id) response.end();
        return;
      }
      for (const response of streams.get(hint.peer_id) ?? []) write(response, `event: ${hint.about}\ndata: {}\n\n`);
    },
    open(peerId, deviceId, response) {
      if (deviceId !== undefined) devices.set(response, deviceId);
      const responses = streams.get(peerId) ?? new Set();
      streams.set(peerId, responses.add(response));
      response.on("close", () => {
        responses.delete(response);
        if (responses.size === 0 && streams.get(peerId) === responses) streams.delete(peerId);
      });
      response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
      // The client looks for mail when it hears this: listen first, then catch up.
      response.write("event: mail\ndata: {}\n\n");
    },
    count: () => [...streams.values()].reduce((sum, responses) => sum + responses.size, 0),
    close() {
      clearInterval(pulse);
      for (const responses of streams.values()) for (const response of responses) response.end();
    },
  };
}
