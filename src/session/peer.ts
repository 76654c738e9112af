/** The peer that this session is: set by the connection, used by every part that calls the broker as the peer. */
import type { Credentials } from "../operations/core/identity.ts";
import { CctError } from "../platform/errors.ts";
import type { PeerRecord } from "./records.ts";

export interface CurrentPeer {
  /** As last registered. */
  record: PeerRecord | undefined;
  /** Why there is none, or why the broker cannot be reached. */
  problem: CctError;
  /** Throws `problem` while no peer is registered. */
  credentials(): Credentials;
}

export function createCurrentPeer(): CurrentPeer {
  const peer: CurrentPeer = {
    record: undefined,
    problem: new CctError("unavailable", "CCT is still connecting to its broker.", "Try again in a second."),
    credentials() {
      if (!peer.record) throw peer.problem;
      return peer.record;
    },
  };
  return peer;
}
