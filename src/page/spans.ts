/** Reads the presence history of all sessions. */
import type { OutputOf } from "../operations/index.ts";
import { call } from "./source.ts";
import type { Spans } from "./types.ts";

export async function readSpans(since: number, until: number): Promise<Map<string, Spans>> {
  const all = new Map<string, Spans>();
  let after: string | undefined;
  do {
    const page: OutputOf<"presence_history"> = await call("presence_history", {
      since: Math.round(since),
      until: Math.round(until),
      ...(after !== undefined && { after }),
    });
    for (const peer of page.peers) all.set(peer.peer_id, [...(all.get(peer.peer_id) ?? []), ...peer.spans]);
    after = page.next;
  } while (after !== undefined);
  return all;
}
