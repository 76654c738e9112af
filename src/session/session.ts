/** The parts of a session, put together: each part knows only those that were created before it. */
import { localClient } from "../client/local.ts";
import { type ClientInfo, type Host, holds } from "../hosts/host.ts";
import { loadConfig } from "../platform/config.ts";
import { writeError } from "../platform/disk.ts";
import { prepareHome } from "../platform/home.ts";
import type { World } from "../platform/world.ts";
import { createAudience } from "./audience.ts";
import { createConnection } from "./connection.ts";
import { conversationIn, createHooks, type HookAnswer, type HookInput, isOfSubagent } from "./hooks.ts";
import { followHost, removeLeftFolder } from "./host.ts";
import { createMail } from "./mail.ts";
import type { leftAlone, wakerFor } from "./others.ts";
import { createOutbox } from "./outbox.ts";
import { createCurrentPeer } from "./peer.ts";
import { keepServices } from "./services.ts";
import { openSpool, type Spool } from "./spool.ts";
import { sweepDead } from "./spool-owner.ts";
import { createStatusLine } from "./status.ts";
import type { ToolSession } from "./tools.ts";

const TICK_MS = 1_000;
/** How long a session waits for hooks that tell its conversation. On a busy machine the host takes long to run its first. */
const HOOKS_MS = 60_000;

/** The host, and what is loaded for it alone. */
export interface HostParts {
  host: Host;
  wakerFor?: typeof wakerFor;
  leftAlone?: typeof leftAlone;
}

/** The `_meta` of a call. */
type Meta = Readonly<Record<string, unknown>>;

export interface Session extends Omit<ToolSession, "waitedMs"> {
  /** Does the work of a hook on hosts whose hooks call our tool. */
  hook(input: HookInput, meta: Meta): HookAnswer;
  /** The model calls a tool. */
  called(meta: Meta): void;
  /** The host has introduced itself. */
  hostIs(client: ClientInfo): void;
  /** The user wants the model to poll for mail. */
  poll: boolean;
  /** Nobody sees the session any more, although its host lives on. */
  isLeftAlone(): boolean;
  close(): Promise<void>;
}

function open(world: World, { words }: Host, home: string): Spool {
  try {
    return openSpool(home, world.ppid, world);
  } catch (error) {
    throw writeError(
      error,
      "CCT cannot start in this session",
      home,
      `Mail waits at the broker. Free some space or correct the permissions, then ${words.reconnect ? `reconnect: ${words.reconnect}` : "start the session again"}.`,
    );
  }
}

/**
 * Throws `CctError` when this host process cannot have a session, for example because another server has it. `hostPid`: the host's
 * process, also where another one stands for the session.
 */
export function openSession(world: World, { host, wakerFor, leftAlone }: HostParts, hostPid: number): Session {
  const config = loadConfig(world);
  prepareHome(config.home, world.user, false);
  const spool = open(world, host, config.home);
  try {
    sweepDead(config.home, world.now());
  } catch {
    // Another session sweeps at the same moment. The next one removes what is left.
  }
  const client = localClient(config, world);
  const peer = createCurrentPeer();
  const outbox = createOutbox(world, config, client, peer.credentials);
  const audience = createAudience(world, config, spool, peer);
  const mail = createMail(spool, client, peer.credentials, outbox, world, config, audience);
  let introduced: ClientInfo = {};
  const unattended = holds(world.env, host.unattended.server) || host.unattended.process?.(hostPid) === true;
  // Hooks look for it.
  if (host.unattended.process && !unattended) attempt(() => spool.write("attended", "yes"));
  /** Not before the first hook has run: nobody knows then whether there are any. */
  const canWake = (): boolean =>
    spool.state() !== undefined && !unattended && !waker?.rests() && host.wakes(introduced, world);
  const waker = wakerFor?.(world, host, spool);
  const connection = createConnection(world, host, config, client, spool, mail, peer, canWake);
  const statusLine = createStatusLine(world, config.home, spool, mail, peer, canWake);

  /** When the broker is away, nothing is lost: the stream comes back, and begins with a hint. */
  function runMail(): void {
    const update = (): void => {
      if (statusLine.update()) connection.refresh();
    };
    void mail
      .run()
      .then(update, update)
      .catch(() => {});
  }
  let isUp = false;
  /** Sends what is in the outbox. The next tick tries again. */
  function flush(): void {
    if (isUp) void outbox.flush().catch(() => {});
  }

  let hasBegun = false;
  function begin(): void {
    if (hasBegun) return;
    hasBegun = true;
    connection.start({
      changed(standing) {
        isUp = standing.broker === "up";
        statusLine.show(standing);
        flush();
      },
      mail(isHint) {
        if (isHint) mail.hint();
        runMail();
      },
    });
  }
  // The host's first request is answered before: it waits for it, and to register means to start processes.
  const starting = host.serverPerConversation || host.beginsWithHooks ? undefined : setImmediate(begin);
  const openedAt = world.steady();
  /** Where hooks tell the conversation, they may be turned off. */
  function beginIfTold(): void {
    if (host.beginsWithHooks && (spool.sessionId() !== undefined || world.steady() - openedAt > HOOKS_MS)) begin();
  }
  /** Which peer the session becomes depends on its conversation: where only calls tell it, it begins with the first. */
  function isIn(conversation: string | undefined): void {
    attempt(() => {
      if (conversation !== undefined && conversation !== spool.sessionId()) spool.write("session", conversation);
    });
    begin();
  }
  /** Runs what a timer or a watcher starts: an error of the disk there must not end the session. */
  function attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      mail.failed(error);
    }
  }
  const lookForWaker = (): void => {
    if (canWake()) waker?.look();
  };
  const alone = leftAlone?.(world, host, spool);
  spool.watch(() => {
    attempt(beginIfTold);
    attempt(connection.signalsChanged);
    attempt(lookForWaker);
    runMail();
  });
  const hook = createHooks(spool, unattended, host);
  const services = keepServices(client, peer.credentials, world.hostname);
  const tick = setInterval(() => {
    // Some file systems report no changes of a folder.
    spool.refresh();
    attempt(beginIfTold);
    attempt(() => followHost(world, host, spool));
    attempt(spool.keep);
    // Time alone makes commands long and hooks quiet.
    attempt(connection.signalsChanged);
    attempt(lookForWaker);
    attempt(() => {
      if (mail.claims().length > 0 || outbox.reports().length > 0) runMail();
    });
    flush();
    mail.tick();
    connection.look();
  }, TICK_MS);
  return {
    client,
    connection,
    mail,
    outbox,
    audience,
    home: config.home,
    poll: config.poll,
    hostIs(client) {
      introduced = client;
      attempt(connection.signalsChanged);
    },
    called(meta) {
      if (host.serverPerConversation) isIn(host.conversationOf?.(meta));
      else begin();
    },
    isLeftAlone: () => alone?.() === true,
    hook(input, meta) {
      // What another hook has just written.
      spool.refresh();
      const own = host.conversationOf?.(meta);
      const isMain = !isOfSubagent(input, own);
      if (isMain && host.serverPerConversation) isIn(own ?? conversationIn(input));
      const { answer, shown } = hook(input, isMain);
      return { answer, shown: () => attempt(shown) };
    },
    now: world.now,
    steady: world.steady,
    newMessageId: world.newMessageId,
    async close() {
      clearInterval(tick);
      if (starting) clearImmediate(starting);
      services.close();
      await connection.close();
      isUp = false;
      statusLine.close();
      attempt(spool.close);
      removeLeftFolder(world, host);
    },
  };
}
