/**
 * Keeps the session connected: find or start the broker, register, heartbeat, listen, reconnect. Never gives up while the
 * session lives. Runs the machine in `rules/connection.ts`: performs its calls, and feeds their results back.
 */
import { type Client, isNoAnswer } from "../client/client.ts";
import { currentBroker, ensureBroker } from "../client/local.ts";
import { listen, type StreamData } from "../client/stream.ts";
import { type Host, holds } from "../hosts/host.ts";
import type { Credentials } from "../operations/core/identity.ts";
import type { OutputOf } from "../operations/index.ts";
import type { Config } from "../platform/config.ts";
import { CctError, errorLine } from "../platform/errors.ts";
import { readBrokerFile } from "../platform/home.ts";
import { isAlive } from "../platform/process.ts";
import type { World } from "../platform/world.ts";
import { backoffMs } from "../rules/backoff.ts";
import { type Call, type Event, type Notice, newConnection, step } from "../rules/connection.ts";
import { BEAT_MS, untilBeat } from "../rules/presence.ts";
import { createReports } from "./heartbeat.ts";
import type { Mail } from "./mail.ts";
import type { CurrentPeer } from "./peer.ts";
import { recordAge } from "./records.ts";
import { createRegistrar } from "./registrar.ts";
import { createRepository, type Place } from "./repository.ts";
import type { Spool } from "./spool.ts";

const FIRST_PAUSE_MS = 200;
/** When a broker was killed, its sessions spread over this time, so that they do not all start a new one at once. */
const RESTART_SPREAD_MS = 800;
/** How long the end of a session waits for the broker. The host kills it half a second after the first signal. */
const UNREGISTER_MS = 300;
/** The same at the end of `claude -p`: the peer and its mail are ended too, which takes longer, and the host waits for it. */
const END_MS = 2_000;
/** The age of its record tells when a peer was last there, so a live peer's record is written at least this often. */
const SAVE_AFTER_MS = 24 * 3_600_000;

/** What the status line shows of the connection. */
export interface Standing {
  broker: "up" | "away";
  /** The answer to the last heartbeat. */
  heartbeat: OutputOf<"heartbeat"> | undefined;
}

export interface Connection {
  /** Begins to connect. `changed`: after each heartbeat, and whenever the standing changes. `mail`: there may be mail, or it came. */
  start(listeners: { changed(standing: Standing): void; mail(isHint: boolean): void }): void;
  /** The peer's credentials, as soon as it is registered. Throws why it is not when it takes longer than `ms`. */
  credentials(ms: number): Promise<Credentials>;
  /** Hooks may have reported something new. */
  signalsChanged(): void;
  renamed(name: string): void;
  /** Sends a heartbeat soon, for an answer that is up to date. */
  refresh(): void;
  /** To call regularly: looks whether the session's directory or its branch is another one. */
  look(): void;
  /** Ends the session at the broker. */
  close(): Promise<void>;
}

export function createConnection(
  world: World,
  host: Host,
  config: Config,
  client: Client,
  spool: Spool,
  mail: Mail,
  peer: CurrentPeer,
  canWake: () => boolean,
): Connection {
  const registrar = createRegistrar(world, host, config, client, mail, canWake);
  const reports = createReports(world, host, config, spool, mail, canWake, signalsChanged);
  let state = newConnection;
  let listeners: Parameters<Connection["start"]>[0] | undefined;
  let heartbeat: Standing["heartbeat"];
  /** When the last heartbeat was answered, by the monotonic clock. */
  let heardAt = Number.NEGATIVE_INFINITY;
  let shown: Standing["broker"] | undefined;
  const repository = createRepository(world, spool.directory);
  const endsForGood = holds(world.env, host.endsForGood);
  /** The conversation, until a hook tells another one. */
  const atStart = (host.sessionVariable && world.env[host.sessionVariable]) || undefined;
  /** What the broker knows of the session's place. */
  let told: Place | undefined;
  /** The peer began with this session: it did not resume a conversation, or sit down in a seat. */
  let isNew = false;
  let stream: ReturnType<typeof listen> | undefined;
  let clock: NodeJS.Timeout | undefined;
  let endWait = (): void => {};
  let waiting: (() => void)[] = [];
  let onClosed = (): void => {};

  function dispatch(event: Event): void {
    const { state: next, call, notices } = step(state, event);
    state = next;
    for (const notice of notices) notify(notice);
    if (call) void perform(call).then(dispatch, (error: unknown) => dispatch(failure(error)));
  }

  const failure = (error: unknown): Event => ({
    type: "failed",
    error: error instanceof CctError ? error : new CctError("internal", errorLine(error)),
    noAnswer: isNoAnswer(error),
  });

  function notify(notice: Notice): void {
    switch (notice.do) {
      case "show":
        shown = notice.broker;
        listeners?.changed({ broker: shown, heartbeat });
        return;
      case "report":
        peer.problem = notice.problem;
        return;
      case "check mail":
        listeners?.mail(true);
        return;
      case "listen":
        for (const goOn of waiting.splice(0)) goOn();
        stopListening();
        stream = listen(client, peer.credentials, { up: refresh, hint: heard, down }, world.random);
        clock = setTimeout(beat, BEAT_MS);
        return;
      case "stop":
        stopListening();
        waiting = [];
        endWait();
        return;
      case "closed":
        onClosed();
    }
  }

  /** Sends a heartbeat, unless the broker wants fewer. Readers on this machine learn in any case that the session lives. */
  function beat(): void {
    const wait = untilBeat(world.steady() - heardAt, heartbeat?.beat_ms, mail.claims().length);
    clock = setTimeout(beat, wait > 0 && wait < BEAT_MS ? wait : BEAT_MS);
    if (wait === 0) dispatch({ type: "heartbeat due" });
    else if (shown) listeners?.changed({ broker: shown, heartbeat });
  }

  const heard = (data: StreamData): void => listeners?.mail(mail.heard(data));

  function stopListening(): void {
    stream?.close();
    mail.streamClosed();
    clearTimeout(clock);
  }

  async function perform(call: Call): Promise<Event> {
    switch (call.do) {
      case "identify":
        return { type: "identified", identity: identify(call.known) };
      case "leave mail":
        if (peer.record) await mail.leave(peer.record);
        return { type: "done" };
      case "find broker":
        await findBroker();
        return { type: "done" };
      case "leave peer":
        if (peer.record) await registrar.leave(peer.record);
        return { type: "done" };
      case "register": {
        const place = repository.place();
        const { record, registration } = await registrar.register(call.conversation, place ?? { cwd: world.cwd });
        peer.record = record;
        isNew ||= registration !== "restored";
        // Nothing waits for that, and the next session tries again.
        void registrar.endKilled().catch(() => {});
        told = place;
        return { type: "registered", registration };
      }
      case "open mail":
        if (call.registration === "restored") await mail.recover();
        else if (call.registration === "recreated") await mail.resume();
        else await mail.clear();
        return { type: "done" };
      case "heartbeat":
        return { type: "answered", hasMail: await sendHeartbeat(call.conversation, call.isNew) };
      case "wait":
        await wait(call.failures === 0 ? 0 : backoffMs(call.failures - 1, FIRST_PAUSE_MS, world.random()));
        return { type: "done" };
      case "unregister":
        if (peer.record && isNew && endsForGood) await registrar.end(peer.record);
        else
          await client.call("unregister", { host_pid: world.ppid, streams: mail.closedStreams() }, peer.credentials());
        return { type: "done" };
    }
  }

  function identify(known: string | undefined) {
    const byHooks = spool.sessionId();
    const conversation = byHooks ?? atStart;
    const hasChanged = peer.record !== undefined && conversation !== known;
    const isOther = hasChanged && peer.record !== undefined && registrar.isOther(peer.record, conversation);
    return { conversation, byHooks: byHooks !== undefined, isOther };
  }

  /**
   * Throws where this session may start no broker: its host has died, also just before it took over; or it was registered, and the
   * broker was told to stop, which removes its file. That one stays down until a user or a new session starts one.
   */
  function mayStart(): void {
    if (!isAlive(world.ppid)) throw new CctError("unavailable", "The program of this session has ended.");
    if (peer.record && !config.broker && !readBrokerFile(config.home))
      throw new CctError("unavailable", "No broker runs for this home.", "Start one with: cct start");
  }

  async function findBroker(): Promise<void> {
    const looking = repository.begin();
    // Only a new session: those of before the update go on with whatever runs.
    if (peer.record) await ensureBroker(world, config, client, mayStart);
    else await currentBroker(world, config, client, mayStart);
    await looking;
  }

  async function sendHeartbeat(conversation: string | undefined, isNew: boolean): Promise<boolean> {
    const { record } = peer;
    if (!record) return false;
    const place = repository.place();
    const news = place === told ? {} : place;
    heartbeat = await client.call("heartbeat", { ...reports.heartbeat(conversation), ...news }, record);
    told = place;
    heardAt = world.steady();
    const { name, waiting: count } = heartbeat;
    if (isNew || name !== record.name || recordAge(config.home, record, world.now()) > SAVE_AFTER_MS)
      peer.record = registrar.update(record, conversation, name);
    registrar.saveAgain();
    return count > 0;
  }

  function wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms).unref();
      endWait = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  function refresh(): void {
    if (state.status === "registered") dispatch({ type: "heartbeat due" });
  }

  function signalsChanged(): void {
    dispatch({ type: "signals", signals: reports.signals() });
  }

  /** Starts the broker again when it was killed: then its file is still there. */
  async function down(error: CctError): Promise<void> {
    mail.streamClosed();
    dispatch({ type: "stream lost", error });
    if (error.code === "unauthorized" || config.broker || !readBrokerFile(config.home)) return;
    await new Promise((resolve) => setTimeout(resolve, world.random() * RESTART_SPREAD_MS).unref());
    const isOpen = state.status === "registering" || state.status === "registered";
    if (!isOpen || !readBrokerFile(config.home)) return;
    await ensureBroker(world, config, client, mayStart).catch((failed: unknown) => {
      peer.problem = failed instanceof CctError ? failed : error;
    });
  }

  return {
    start(all) {
      listeners = all;
      dispatch({ type: "start" });
    },
    async credentials(ms) {
      if (state.status !== "registered") {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, ms);
          waiting.push(() => {
            clearTimeout(timer);
            resolve();
          });
        });
      }
      if (state.status !== "registered") throw peer.problem;
      return peer.credentials();
    },
    signalsChanged,
    renamed(name) {
      if (!peer.record) return;
      peer.record = registrar.rename(peer.record, name);
      // A heartbeat that is under way may answer with the old name.
      dispatch({ type: "heartbeat due" });
    },
    refresh,
    look: () => repository.look(refresh),
    async close() {
      const closed = new Promise<void>((resolve) => {
        onClosed = resolve;
      });
      dispatch({ type: "close" });
      const ms = endsForGood ? END_MS : UNREGISTER_MS;
      await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, ms).unref())]);
    },
  };
}
