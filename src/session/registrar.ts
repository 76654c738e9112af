/** Registers the host process as the peer that its conversation belongs to, and keeps the record of it in the home. */
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Client, isNoAnswer } from "../client/client.ts";
import { readOutbox } from "../client/outbox.ts";
import { type Host, holds, takesMailMidturn } from "../hosts/host.ts";
import type { Config } from "../platform/config.ts";
import { reasonOf } from "../platform/disk.ts";
import { CctError, systemCode } from "../platform/errors.ts";
import { startMark } from "../platform/process.ts";
import type { World } from "../platform/world.ts";
import { shortId } from "../rules/address.ts";
import { isRefusal, type Registration } from "../rules/connection.ts";
import { candidates, withConversation } from "../rules/identity.ts";
import { nameFrom } from "../rules/names.ts";
import { emptySeats } from "../rules/seats.ts";
import { sessionName } from "./host.ts";
import type { Mail } from "./mail.ts";
import { isLive, type PeerRecord, readRecords, removeRecord, saveIdentity, saveRecord } from "./records.ts";
import type { Place } from "./repository.ts";

export interface Registrar {
  /**
   * Registers as the peer of the conversation, else as the peer that this process was, else in the empty seat of the given
   * name, else as a new peer.
   */
  register(
    conversation: string | undefined,
    place: Partial<Place> & Pick<Place, "cwd">,
  ): Promise<{ record: PeerRecord; registration: Registration }>;
  /** Whether the conversation belongs to another peer. */
  isOther(record: PeerRecord, conversation: string | undefined): boolean;
  /** Saves the record with the conversation and name that the peer has now. */
  update(record: PeerRecord, conversation: string | undefined, name: string): PeerRecord;
  /** Saves the record with the name that the peer has now. */
  rename(record: PeerRecord, name: string): PeerRecord;
  /** Ends peers of `claude -p` whose processes were killed before they could do so. */
  endKilled(): Promise<void>;
  /** Tries again to write what could not be written, for example because the disk was full. */
  saveAgain(): void;
  /** Stops being `former`: it goes offline, and keeps its name and its mailbox. */
  leave(former: PeerRecord): Promise<void>;
  /** Ends a peer that no session will be again: its unread mail is reported to its senders. */
  end(record: PeerRecord): Promise<void>;
}

/** The session server of a killed host notices it within a second, on a busy machine later. */
const ORPHAN_MS = 5_000;
const ORPHAN_CHECK_MS = 200;
/** Each costs a call. The next session ends more. */
const MAX_ENDED = 20;

export function createRegistrar(
  world: World,
  host: Host,
  config: Config,
  client: Client,
  mail: Mail,
  canWake: () => boolean,
): Registrar {
  const { home } = config;
  const host_pid = world.ppid;
  const started = startMark(host_pid);
  const logged = new Set<string>();
  /** Records that could not be written: what the disk says of these peers is outdated. */
  const unsaved = new Map<string, { record: PeerRecord; write: typeof saveRecord }>();

  /** For the host's log, once each. */
  function log(text: string): void {
    if (logged.has(text)) return;
    logged.add(text);
    process.stderr.write(`cct: ${text}\n`);
  }

  function readAll(): PeerRecord[] {
    const onDisk = readRecords(home, world.user, world.now(), log).filter(({ peer_id }) => !unsaved.has(peer_id));
    return [...onDisk, ...[...unsaved.values()].map(({ record }) => record)];
  }

  /** Without a disk the session goes on. Only a later process of this conversation would miss the record. */
  function store(record: PeerRecord, write: typeof saveRecord): void {
    try {
      write(home, record, world.newId);
      unsaved.delete(record.peer_id);
    } catch (error) {
      const code = systemCode(error);
      if (code === undefined) throw error;
      unsaved.set(record.peer_id, { record, write });
      mail.failed(error);
      log(
        `The record of peer ${shortId(record.peer_id)} (${record.name}) cannot be saved: ${reasonOf(code)}, in ${home}. ` +
          "Until it is, a resumed conversation does not become this peer again.",
      );
    }
  }

  const isOurs = (record: PeerRecord): boolean =>
    started !== "" && record.host_pid === host_pid && record.started === started;

  /** Whether its process is or was on this machine. Of those on others only the broker knows whether they run. */
  const isHere = (record: PeerRecord): boolean => (record.host ?? world.hostname) === world.hostname;
  /** Its host has ended and no other is the peer. Its session server may send one more heartbeat, which brings it back. */
  const isOrphaned = ({ peer_id }: PeerRecord): boolean =>
    readAll().some((one) => one.peer_id === peer_id && !isOurs(one) && isHere(one) && !isLive(one));
  /** Another name was given on purpose. */
  const named = (record: PeerRecord, name: string): PeerRecord =>
    name === record.name ? record : { ...record, name, seat: true };

  async function register(conversation: string | undefined, where: Partial<Place> & Pick<Place, "cwd">) {
    const records = readAll();
    const place = {
      host: world.hostname,
      host_pid,
      server_pid: world.pid,
      agent: host.name,
      midturn: takesMailMidturn(host),
      // Nobody attends such a session, so its hooks wake nobody. The host tells its MCP servers no more than this.
      ...(canWake() ? {} : { wakes: false }),
      ...(conversation === undefined ? {} : { session_id: conversation }),
      ...(config.poll ? { polls: true } : {}),
      ...where,
    };
    const given = config.name ?? sessionName(world, host);
    /** Registers as a peer of ours. `undefined`: the broker refuses it; then `refused` hears why. */
    async function become(known: PeerRecord, seat: { name?: string; seat?: true }, refused: (error: CctError) => void) {
      const deadline = world.steady() + ORPHAN_MS;
      for (;;) {
        try {
          // The broker may not have noticed yet that the peer's former process has ended.
          if (!isOurs(known) && (!seat.seat || isHere(known)))
            await client.call("unregister", { host_pid: known.host_pid }, known);
          const { name } = await client.call("register", { ...place, ...seat, held: mail.claims() }, known);
          const { ends, ...kept } = withConversation(known, conversation, records);
          // Who resumes the conversation in another process continues it.
          const record = save({ ...kept, name, ...(ends && isOurs(known) && { ends }) });
          return { record, registration: "restored" as const };
        } catch (error) {
          if (!isRefused(error)) throw error;
          const mayPass = error.code === "conflict" && !seat.seat && isOrphaned(known) && world.steady() < deadline;
          if (!mayPass) {
            refused(error);
            return undefined;
          }
          await sleep(ORPHAN_CHECK_MS);
        }
      }
    }
    /** Peers that this process was, except the one that it becomes. */
    const former = new Set(records.filter(isOurs));
    let forgotten: PeerRecord | undefined;
    for (const known of candidates(records, conversation, isOurs, isLive)) {
      for (const one of former) if (one !== known) await leave(one);
      const restored = await become(known, {}, ({ code }) => {
        if (code !== "unauthorized") return;
        forgotten ??= known;
        // The spool may contain all that is left of its mail, so it stays as it is.
        if (former.delete(known)) store({ ...known, started: "" }, saveRecord);
      });
      if (restored) return restored;
    }
    for (const one of former) await leave(one);
    if (given !== undefined && config.take_seat && !forgotten) {
      for (const known of emptySeats(records, nameFrom(given), isLive)) {
        const seated = await become(known, { name: given, seat: true }, () => {});
        if (seated) return seated;
      }
    }
    const wanted = forgotten?.name ?? given ?? basename(where.repo ?? where.cwd);
    const seat = given !== undefined || forgotten?.seat === true;
    const asNew = { ...place, name: wanted, ...(seat ? { seat } : {}), held: [] };
    const { peer_id, secret, name } = await client.call("register", asNew);
    if (secret === undefined) throw new CctError("internal", "The broker registered a peer without a secret.");
    if (forgotten) {
      log(
        `The broker does not know peer ${shortId(forgotten.peer_id)} (${forgotten.name}): it was removed there, or the broker has another database. ` +
          `This session is registered again as ${shortId(peer_id)} (${name}), without the mail that waited for ${shortId(forgotten.peer_id)}.`,
      );
    }
    const ends = holds(world.env, host.endsForGood) ? ({ ends: true } as const) : {};
    const record = { peer_id, secret, name, session_id: conversation, earlier: [], since: world.now(), seat, ...ends };
    return {
      record: save(record),
      registration: forgotten ? ("recreated" as const) : ("created" as const),
    };
  }

  function save(record: Omit<PeerRecord, "host_pid" | "started" | "host">): PeerRecord {
    const ours = { ...record, host_pid, started, host: world.hostname };
    store(ours, saveIdentity);
    return ours;
  }

  async function leave(former: PeerRecord): Promise<void> {
    try {
      await mail.leave(former);
      await client.call("unregister", { host_pid, streams: mail.closedStreams() }, former);
    } catch (error) {
      if (!isRefused(error)) throw error;
    }
    store({ ...former, started: "" }, saveRecord);
  }

  return {
    register,
    isOther(record, conversation) {
      const [first] = candidates(readAll(), conversation, isOurs, isLive);
      return first !== undefined && first.peer_id !== record.peer_id;
    },
    update: (record, conversation, name) => save(named(withConversation(record, conversation, readAll()), name)),
    rename: (record, name) => save(named(record, name)),
    async endKilled() {
      const killed = readAll().filter((one) => one.ends && isHere(one) && !isLive(one));
      for (const record of killed.slice(0, MAX_ENDED)) {
        // Its outbox needs the peer.
        if (readOutbox(home, record.peer_id).length > 0) continue;
        try {
          await client.call("unregister", { host_pid: record.host_pid, ends: true }, record);
        } catch (error) {
          if (!isRefused(error)) throw error;
        }
        removeRecord(home, record, false);
      }
    },
    saveAgain() {
      for (const { record, write } of [...unsaved.values()]) store(record, write);
    },
    leave,
    async end(record) {
      // Its outbox needs the peer: a session that resumes the conversation sends what is in it.
      if (readOutbox(home, record.peer_id).length > 0) return leave(record);
      await mail.leave(record);
      await client.call("unregister", { host_pid, ends: true }, record);
      removeRecord(home, record, true);
    },
  };
}

/** Whether the broker itself rejected the peer. What an impostor answers is not heard, and changes no record. */
const isRefused = (error: unknown): error is CctError =>
  error instanceof CctError && isRefusal(error) && !isNoAnswer(error);
