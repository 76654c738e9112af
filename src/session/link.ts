/**
 * The session's tie to the broker: finds or starts it, registers, beats, listens, and does all that again when it breaks.
 * Nothing here gives up while the session lives.
 */
import { type Client, isNoAnswer } from "../client/client.ts";
import { ensureBroker } from "../client/local.ts";
import { listen } from "../client/stream.ts";
import type { Credentials } from "../operations/core/identity.ts";
import type { OutputOf } from "../operations/index.ts";
import type { Config } from "../platform/config.ts";
import { CctError, errorLine } from "../platform/errors.ts";
import { readBrokerFile } from "../platform/home.ts";
import { isAlive } from "../platform/process.ts";
import type { World } from "../platform/world.ts";
import { backoffMs } from "../rules/backoff.ts";
import { type GitFacts, gitFacts } from "./git.ts";
import { type PeerRecord, recordAge, saveIdentity } from "./identity.ts";
import { createDoor, isRefusal, type Joined, type Joining } from "./join.ts";
import type { Spool } from "./spool.ts";

const HEARTBEAT_MS = 10_000;
/** A command that takes longer than this makes the peer busy for its senders. */
const LONG_COMMAND_MS = 20_000;
const FIRST_PAUSE_MS = 200;
/** When a broker that many sessions use was killed, they do not all start one at the same moment. */
const HEAL_SPREAD_MS = 800;
/** At its end a session does not wait longer than this for the broker: the host kills it half a second after the first signal. */
const LEAVE_MS = 300;
const SAVE_AFTER_MS = 24 * 3_600_000;

export interface LinkEvents extends Joining {
  /** Registered, and how: see `Joined`. */
  registered(how: Joined["how"]): Promise<void>;
  /** There may be mail. */
  mail(): void;
  /** How we stand with the broker: at every beat, and whenever it changes. */
  told(standing: Standing): void;
}

/** What a session's person may see of its tie to the broker. */
export interface Standing {
  peer: { peer_id: string; name: string } | undefined;
  broker: "up" | "away";
  /** What the broker said at the last beat. */
  said: OutputOf<"heartbeat"> | undefined;
}

export interface Link {
  /** The peer's credentials, as soon as it is registered. Throws what is in the way when it is not within `patience` ms. */
  credentials(patience: number): Promise<Credentials>;
  /** The peer as last registered. Throws what is in the way when there is none. */
  peer(): Credentials;
  /** The state that the hooks tell has changed. */
  stateChanged(): void;
  renamed(name: string): void;
  /** Something else has changed that the broker knows best: asks it soon. */
  refresh(): void;
  /** Ends the session at the broker. */
  close(): Promise<void>;
}

export function createLink(world: World, config: Config, client: Client, spool: Spool, events: LinkEvents): Link {
  const door = createDoor(world, config, client, events);
  let record: PeerRecord | undefined;
  let registered = false;
  /** The conversation that we last looked at to say who we are. */
  let seen: string | undefined;
  /** We are a peer on the word of the environment alone: the hooks have not yet said which conversation this is. */
  let assumed = false;
  let beatDue = false;
  let working: Promise<void> | undefined;
  let endPause = (): void => {};
  let problem: CctError = new CctError(
    "unavailable",
    "CCT is still connecting to its broker.",
    "Try again in a second.",
  );
  let waiters: (() => void)[] = [];
  let stream: ReturnType<typeof listen> | undefined;
  let clock: NodeJS.Timeout | undefined;
  let closed = false;
  let facts: GitFacts | undefined;
  /** What git told too late for the registration; goes with the next heartbeat. */
  let lateFacts: GitFacts | undefined;
  let told = "";

  let said: Standing["said"];

  function tell(broker: Standing["broker"]): void {
    if (!closed) events.told({ peer: record, broker, said });
  }

  const sessionNow = (): string | undefined => spool.sessionId() ?? (world.env.CLAUDE_CODE_SESSION_ID || undefined);

  /** Does what is due. All that says to the broker who we are is said here, one thing at a time. */
  function work(): void {
    if (closed) return;
    working ??= untilDone().finally(() => {
      working = undefined;
      if (!registered || beatDue) work();
    });
  }

  async function untilDone(): Promise<void> {
    let failures = 0;
    while (!closed && (!registered || beatDue)) {
      try {
        if (registered) {
          beatDue = false;
          await heartbeat();
          failures = 0;
        } else await register();
      } catch (error) {
        // Not known any more, or superseded: begin again. Anything else that befalls a heartbeat the stream mends, which
        // breaks with it when nobody answered.
        if (registered && !isRefusal(error)) {
          tell("away");
          if (isNoAnswer(error)) continue;
          // The broker is there and cannot do anything now: the stream stays, so nothing but another try tells when it can.
          beatDue = true;
          await rest(backoffMs(failures, FIRST_PAUSE_MS, world.random()));
          failures++;
          continue;
        }
        registered = false;
        problem = error instanceof CctError ? error : new CctError("internal", errorLine(error));
        tell("away");
        // Once at once; a broker that refuses and refuses is not asked all the time.
        await rest(failures === 0 ? 0 : backoffMs(failures - 1, FIRST_PAUSE_MS, world.random()));
        failures++;
      }
    }
  }

  function rest(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms).unref();
      endPause = () => {
        clearTimeout(timer);
        resolve();
      };
      if (closed) endPause();
    });
  }

  async function register(): Promise<void> {
    // Also when the broker is away: mail of the former peer must not lie there for the hooks of another conversation.
    if (record && isMoving(record)) await events.leaving(record);
    const looking = facts ?? firstFacts();
    await findBroker();
    facts = await looking;
    if (closed) return;
    const session = sessionNow();
    // A fork: at its start the host named the conversation that it is a copy of.
    if (record && assumed && session !== seen) await door.leave(record);
    assumed = false;
    const unsure = spool.sessionId() === undefined;
    const { record: joined, how } = await door.join(session, facts);
    record = joined;
    seen = session;
    assumed = unsure && how === "again";
    await events.registered(how);
    // Who ends meanwhile unregisters in `close`.
    if (closed) return;
    registered = true;
    // At once: it tells what a status line shows.
    beatDue = true;
    tell("up");
    for (const wake of waiters.splice(0)) wake();
    told = "";
    stream?.close();
    stream = listen(client, current, { up: stateChanged, hint: events.mail, down: broken }, world.random);
    clearInterval(clock);
    clock = setInterval(beat, HEARTBEAT_MS);
  }

  async function firstFacts(): Promise<GitFacts> {
    const { facts: first, later } = await gitFacts(world.cwd);
    void later?.().then((found) => {
      facts = found;
      lateFacts = found;
      if (registered) beat();
    });
    return first;
  }

  /** A broker that was told to stop removed its note. It stays down until somebody, or a session that is new, starts it. */
  async function findBroker(): Promise<void> {
    if (record && !config.broker && !readBrokerFile(config.home))
      throw new CctError("unavailable", "No broker runs for this home.", "Start one with: cct start");
    await ensureBroker(world, config, client);
  }

  /** Whether the host has gone to a conversation that makes another peer of us. */
  function isMoving(from: PeerRecord): boolean {
    const session = sessionNow();
    return session !== seen && (assumed || door.isElsewhere(from, session));
  }

  function current(): Credentials {
    if (!record) throw problem;
    return record;
  }

  function beat(): void {
    beatDue = true;
    work();
  }

  async function heartbeat(): Promise<void> {
    if (!record) return;
    if (isMoving(record)) {
      registered = false;
      return;
    }
    const session = sessionNow();
    // Before the answer comes the hooks may name another one, which nobody has looked at yet.
    const hooksNamedIt = spool.sessionId() !== undefined;
    const state = spool.state();
    const command = longCommand();
    const answer = await client.call(
      "heartbeat",
      {
        claude_pid: world.ppid,
        ...(session === undefined ? {} : { session_id: session }),
        ...(state === undefined || state === "ended" ? {} : { presence: state }),
        ...(command === undefined ? {} : { command_ms: Math.max(0, Math.round(world.now() - command)) }),
        hooks: hooks(),
        ...lateFacts,
        held: events.claims(),
      },
      record,
    );
    lateFacts = undefined;
    const isNews = session !== seen || answer.name !== record.name;
    // Its record's age tells when the peer was last there: that of one which lives must not grow.
    if (isNews || recordAge(config.home, record, world.now()) > SAVE_AFTER_MS) {
      record = door.follow(record, session, answer.name);
      seen = session;
    }
    if (hooksNamedIt) assumed = false;
    said = answer;
    tell("up");
    // The net under the hints: whatever got lost, the next beat tells.
    if (answer.waiting > 0) events.mail();
  }

  /** Since when a command has been running for long; a dialog's wait is none, and what an idle session ran is over. */
  function longCommand(): number | undefined {
    const since = spool.state() === "active" ? spool.commandSince() : undefined;
    return since !== undefined && world.now() - since > LONG_COMMAND_MS ? since : undefined;
  }

  const hooks = (): "live" | "quiet" => (spool.areHooksQuiet(world.now()) ? "quiet" : "live");

  function stateChanged(): void {
    const now = `${spool.state()} ${spool.sessionId()} ${longCommand()} ${hooks()}`;
    if (!registered || now === told) return;
    told = now;
    beat();
  }

  async function broken(error: CctError): Promise<void> {
    told = "";
    problem = error;
    tell("away");
    if (error.code === "unauthorized") {
      registered = false;
      return work();
    }
    // One that was killed left its note.
    if (config.broker || !readBrokerFile(config.home)) return;
    await new Promise((resolve) => setTimeout(resolve, world.random() * HEAL_SPREAD_MS).unref());
    // A session whose host has just died starts nothing any more.
    if (closed || !isAlive(world.ppid) || !readBrokerFile(config.home)) return;
    await ensureBroker(world, config, client).catch((failed: unknown) => {
      problem = failed instanceof CctError ? failed : error;
    });
  }

  async function unregister(): Promise<void> {
    // What is under way first: a beat that came after it would make the session live again.
    await working;
    if (record) await client.call("unregister", { claude_pid: world.ppid }, record);
  }

  work();

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
    refresh() {
      if (registered) beat();
    },
    renamed(name) {
      if (!record) return;
      record = { ...record, name };
      saveIdentity(config.home, record, world.newId);
      // A beat that was under way may answer with the old name.
      beat();
    },
    async close() {
      closed = true;
      stream?.close();
      clearInterval(clock);
      endPause();
      waiters = [];
      const patience = new Promise((resolve) => setTimeout(resolve, LEAVE_MS).unref());
      await Promise.race([patience, unregister().catch(() => {})]);
    },
  };
}
