/** Registers the host process as the peer that it is by its conversation, and keeps that on record. */
import { basename } from "node:path";
import type { Client } from "../client/client.ts";
import type { Credentials } from "../operations/core/identity.ts";
import type { Config } from "../platform/config.ts";
import { CctError } from "../platform/errors.ts";
import { startMark } from "../platform/process.ts";
import type { World } from "../platform/world.ts";
import { shortId } from "../rules/address.ts";
import type { Claim } from "../rules/delivery.ts";
import { candidates, withConversation } from "../rules/identity.ts";
import type { GitFacts } from "./git.ts";
import { sessionName } from "./host.ts";
import { lives, type PeerRecord, readRecords, saveIdentity, saveRecord } from "./identity.ts";

export interface Joined {
  record: PeerRecord;
  /** `again`: a peer that was there before. `new`: nobody knows it yet. `anew`: the broker had forgotten who we were. */
  how: "again" | "new" | "anew";
}

export interface Joining {
  /** The claims on mail in the spool. */
  claims(): Claim[];
  /** The session is this peer no more: mail of it that nobody has seen goes back. */
  leaving(former: Credentials): Promise<void>;
}

export interface Door {
  /** Becomes the peer that has the conversation, the peer that this process was, or a new one. */
  join(session: string | undefined, seen: GitFacts): Promise<Joined>;
  /** Whether the conversation makes another peer of us. */
  isElsewhere(record: PeerRecord, session: string | undefined): boolean;
  /** The record of a peer whose session has the conversation now, saved. */
  follow(record: PeerRecord, session: string | undefined, name: string): PeerRecord;
  /** Ends our being `former`, which is offline from now on, and keeps its name and its mailbox. */
  leave(former: PeerRecord): Promise<void>;
}

/** Whether the broker will not have us as this peer: it does not know it, or another session is it. */
export const isRefusal = (error: unknown): error is CctError =>
  error instanceof CctError && (error.code === "unauthorized" || error.code === "conflict");

export function createDoor(world: World, config: Config, client: Client, joining: Joining): Door {
  const { home } = config;
  const claude_pid = world.ppid;
  const started = startMark(claude_pid);
  const told = new Set<string>();

  /** For the host's log, once each. */
  function say(text: string): void {
    if (told.has(text)) return;
    told.add(text);
    process.stderr.write(`cct: ${text}\n`);
  }

  const readAll = (): PeerRecord[] => readRecords(home, world.user, world.now(), say);
  const isOurs = (record: PeerRecord): boolean =>
    started !== "" && record.claude_pid === claude_pid && record.started === started;

  async function join(session: string | undefined, seen: GitFacts): Promise<Joined> {
    const records = readAll();
    const place = {
      host: world.hostname,
      claude_pid,
      ...(session === undefined ? {} : { session_id: session }),
      cwd: world.cwd,
      ...(config.poll ? { polls: true } : {}),
      ...seen,
    };
    /** Whom this process has been and is not going to be. */
    const former = new Set(records.filter(isOurs));
    let forgotten: PeerRecord | undefined;
    for (const known of candidates(records, session, isOurs, lives)) {
      for (const one of former) if (one !== known) await leave(one);
      try {
        // The broker may not have noticed that the process which was this peer before has ended.
        if (!isOurs(known)) await client.call("unregister", { claude_pid: known.claude_pid }, known);
        const { name } = await client.call("register", { ...place, held: joining.claims() }, known);
        return { record: keep({ ...withConversation(known, session, records), name }), how: "again" };
      } catch (error) {
        if (!isRefusal(error)) throw error;
        if (error.code !== "unauthorized") continue;
        forgotten ??= known;
        // What lies in the spool may be all that is left of its mail, so that stays.
        if (former.delete(known)) saveRecord(home, { ...known, started: "" }, world.newId);
      }
    }
    for (const one of former) await leave(one);
    const wanted = forgotten?.name ?? config.name ?? sessionName(world) ?? basename(seen.repo ?? world.cwd);
    const { peer_id, secret, name } = await client.call("register", { ...place, name: wanted, held: [] });
    if (secret === undefined) throw new CctError("internal", "The broker registered a peer without a secret.");
    if (forgotten) {
      say(
        `the broker does not know peer ${shortId(forgotten.peer_id)} (${forgotten.name}): its database is another one. ` +
          `This session registered anew, as ${shortId(peer_id)} (${name}); mail that waited at the broker stayed with the other database.`,
      );
    }
    const record = { peer_id, secret, name, session_id: session, earlier: [], since: world.now() };
    return { record: keep({ ...record, claude_pid, started }), how: forgotten ? "anew" : "new" };
  }

  function keep(record: PeerRecord): PeerRecord {
    const ours = { ...record, claude_pid, started };
    saveIdentity(home, ours, world.newId);
    return ours;
  }

  async function leave(former: PeerRecord): Promise<void> {
    try {
      await joining.leaving(former);
      await client.call("unregister", { claude_pid }, former);
    } catch (error) {
      if (!isRefusal(error)) throw error;
    }
    saveRecord(home, { ...former, started: "" }, world.newId);
  }

  return {
    join,
    isElsewhere(record, session) {
      const [first] = candidates(readAll(), session, isOurs, lives);
      return first !== undefined && first.peer_id !== record.peer_id;
    },
    follow: (record, session, name) => keep({ ...withConversation(record, session, readAll()), name }),
    leave,
  };
}
