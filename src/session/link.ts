/**
 * The session's tie to the broker: finds or starts it, registers, beats, listens, and does all that again when it breaks.
 * Nothing here gives up while the session lives.
 */
import { basename } from "node:path";
import type { Client } from "../client/client.ts";
import { ensureBroker } from "../client/local.ts";
import { listen } from "../client/stream.ts";
import type { Config } from "../config.ts";
import { CctError, errorLine } from "../errors.ts";
import { readBrokerNote } from "../home.ts";
import type { Credentials } from "../operations/operation.ts";
import { isAlive, startMark } from "../process.ts";
import type { World } from "../world.ts";
import { type GitFacts, gitFacts } from "./git.ts";
import { sessionName } from "./host.ts";
import { findIdentity, type PeerRecord, saveIdentity } from "./identity.ts";
import type { Claim } from "./mail.ts";
import type { Spool } from "./spool.ts";

const HEARTBEAT_MS = 10_000;
/** A command that takes longer than this makes the peer busy for its senders. */
const LONG_COMMAND_MS = 20_000;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5_000;
/** When a broker that many sessions use was killed, they do not all start one at the same moment. */
const HEAL_SPREAD_MS = 800;
/** At its end a session does not wait longer than this for the broker: the host kills it half a second after the first signal. */
const LEAVE_MS = 300;

export interface LinkEvents {
  /** The claims that this session still holds. */
  held(): Claim[];
  /** Registered, as the peer we were (`true`) or as a new one. */
  registered(same: boolean): Promise<void>;
  /** There may be mail. */
  mail(): void;
}

export interface Link {
  /** The peer's credentials, as soon as it is registered. Throws what is in the way when it is not within `patience` ms. */
  credentials(patience: number): Promise<Credentials>;
  /** The peer as last registered. Throws what is in the way when there is none. */
  peer(): Credentials;
  /** The state that the hooks tell has changed. */
  stateChanged(): void;
  renamed(name: string): void;
  /** Ends the session at the broker. */
  close(): Promise<void>;
}

export function createLink(world: World, config: Config, client: Client, spool: Spool, events: LinkEvents): Link {
  const sessionId = world.env.CLAUDE_CODE_SESSION_ID || undefined;
  let record: PeerRecord | undefined;
  let registered = false;
  let problem: CctError = new CctError(
    "unavailable",
    "CCT is still connecting to its broker.",
    "Try again in a second.",
  );
  let waiters: (() => void)[] = [];
  let stream: { close(): void } | undefined;
  let beat: NodeJS.Timeout | undefined;
  let closed = false;
  let facts: GitFacts | undefined;
  let told = "";
  const processMark = startMark(world.ppid);

  async function connect(): Promise<void> {
    for (let pause = FIRST_PAUSE_MS; !closed; pause = Math.min(LONGEST_PAUSE_MS, pause * 2)) {
      try {
        const looking = facts ?? gitFacts(world.cwd);
        await ensureBroker(world, config, client);
        facts = await looking;
        await register(facts);
        return;
      } catch (error) {
        problem = error instanceof CctError ? error : new CctError("internal", errorLine(error));
        await new Promise((resolve) => setTimeout(resolve, pause).unref());
      }
    }
  }

  async function register(seen: GitFacts): Promise<void> {
    const session = spool.sessionId() ?? sessionId;
    const before = findIdentity(config.home, world.ppid, session);
    const place = {
      host: world.hostname,
      claude_pid: world.ppid,
      ...(session === undefined ? {} : { session_id: session }),
      cwd: world.cwd,
      ...seen,
    };
    const known = before && (await registerAgain(before.record, before.endedPid, place));
    const answer =
      known ??
      (await client.call("register", {
        ...place,
        name: config.name ?? sessionName(world) ?? basename(seen.repo ?? world.cwd),
        held: [],
      }));
    const secret = known ? before.record.secret : answer.secret;
    if (secret === undefined) throw new CctError("internal", "The broker registered a peer without a secret.");
    if (closed) return;
    record = {
      peer_id: answer.peer_id,
      secret,
      name: answer.name,
      session_id: session,
      claude_pid: world.ppid,
      started: processMark,
    };
    saveIdentity(config.home, record, world.newId);
    told = "";
    await events.registered(known !== undefined);
    registered = true;
    for (const wake of waiters.splice(0)) wake();
    stream?.close();
    stream = listen(client, current, { up: stateChanged, hint: events.mail, down: broken }, Math.random);
    clearInterval(beat);
    beat = setInterval(() => void heartbeat(), HEARTBEAT_MS);
  }

  type Place = Parameters<typeof client.call<"register">>[1];

  /** Becomes a known peer again; `undefined` when the broker does not let us, and a new one is due. */
  async function registerAgain(known: PeerRecord, endedPid: number | undefined, place: Omit<Place, "held">) {
    try {
      if (endedPid !== undefined) await client.call("unregister", { claude_pid: endedPid }, known);
      return await client.call("register", { ...place, held: events.held() }, known);
    } catch (error) {
      if (error instanceof CctError && (error.code === "unauthorized" || error.code === "conflict")) return undefined;
      throw error;
    }
  }

  function current(): Credentials {
    if (!record) throw problem;
    return record;
  }

  async function heartbeat(): Promise<void> {
    if (!record || closed) return;
    const state = spool.state();
    const session = spool.sessionId() ?? sessionId;
    const command = longCommand();
    try {
      const answer = await client.call(
        "heartbeat",
        {
          claude_pid: world.ppid,
          ...(session === undefined ? {} : { session_id: session }),
          ...(state === undefined || state === "ended" ? {} : { presence: state }),
          ...(command === undefined ? {} : { command_ms: Math.max(0, Math.round(world.now() - command)) }),
          hooks: hooks(),
          held: events.held(),
        },
        record,
      );
      if (session !== record.session_id || answer.name !== record.name) {
        record = { ...record, session_id: session, name: answer.name };
        saveIdentity(config.home, record, world.newId);
      }
      // The net under the hints: whatever got lost, the next beat tells.
      if (answer.waiting > 0) events.mail();
    } catch (error) {
      // Not known any more, or superseded: begin again. Anything else the stream notices and mends.
      if (error instanceof CctError && (error.code === "unauthorized" || error.code === "conflict")) await again();
    }
  }

  /** Since when a command has been running for long; a dialog's wait is none, and what an idle session ran is over. */
  function longCommand(): number | undefined {
    const since = spool.state() === "active" ? spool.toolSince() : undefined;
    return since !== undefined && world.now() - since > LONG_COMMAND_MS ? since : undefined;
  }

  const hooks = (): "live" | "quiet" => (spool.hooksQuiet(world.now()) ? "quiet" : "live");

  function stateChanged(): void {
    const now = `${spool.state()} ${spool.sessionId()} ${longCommand()} ${hooks()}`;
    if (!registered || now === told) return;
    told = now;
    void heartbeat();
  }

  async function again(): Promise<void> {
    registered = false;
    stream?.close();
    clearInterval(beat);
    await connect();
  }

  async function broken(error: CctError): Promise<void> {
    told = "";
    problem = error;
    if (error.code === "unauthorized") return again();
    // A broker that was told to stop removed its note, and stays down until somebody starts it. One that was killed did not.
    if (config.broker || !readBrokerNote(config.home)) return;
    await new Promise((resolve) => setTimeout(resolve, Math.random() * HEAL_SPREAD_MS).unref());
    // A session whose host has just died starts nothing any more.
    if (closed || !isAlive(world.ppid) || !readBrokerNote(config.home)) return;
    await ensureBroker(world, config, client).catch((failed: unknown) => {
      problem = failed instanceof CctError ? failed : error;
    });
  }

  void connect();

  return {
    async credentials(patience) {
      if (!registered) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, patience);
          waiters.push(() => {
            clearTimeout(timer);
            resolve();
          });
        });
      }
      if (!registered || !record) throw problem;
      return record;
    },
    peer: current,
    stateChanged,
    renamed(name) {
      if (!record) return;
      record = { ...record, name };
      saveIdentity(config.home, record, world.newId);
    },
    async close() {
      closed = true;
      stream?.close();
      clearInterval(beat);
      waiters = [];
      if (!record) return;
      const patience = new Promise((resolve) => setTimeout(resolve, LEAVE_MS).unref());
      await Promise.race([patience, client.call("unregister", { claude_pid: world.ppid }, record).catch(() => {})]);
    },
  };
}
