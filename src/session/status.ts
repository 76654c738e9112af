/** Keeps the status line's file (`flags.ts`) up to date. */
import type { World } from "../platform/world.ts";
import type { Standing } from "./connection.ts";
import { removeFlags, renderFlags, writeFlags } from "./flags.ts";
import type { Mail } from "./mail.ts";
import type { CurrentPeer } from "./peer.ts";
import type { Spool } from "./spool.ts";

export interface StatusLine {
  /** The connection's standing, after each heartbeat and whenever it changes. Also tells readers that this session lives. */
  show(standing: Standing): void;
  /** Mail came or went. Returns whether the number of unread messages changed since the last time. */
  update(): boolean;
  close(): void;
}

export function createStatusLine(
  world: World,
  home: string,
  spool: Spool,
  mail: Mail,
  peer: CurrentPeer,
  canWake: () => boolean,
): StatusLine {
  let standing: Standing | undefined;
  let written = "";
  let lastUnread = 0;

  /** `always`: also when only the time is new. */
  function write({ broker, heartbeat }: Standing, always: boolean): boolean {
    const state = spool.state();
    const isBusy = heartbeat?.presence === "busy";
    const disk = mail.trouble();
    // Mail that a busy peer does not want, or that cannot be written, stays at the broker. Other mail is known here before
    // the broker says so.
    const unread = heartbeat && (isBusy || disk !== undefined) ? heartbeat.unread : mail.unread();
    const hasChanged = unread !== lastUnread;
    lastUnread = unread;
    const [pool] = heartbeat?.pools ?? [];
    const flags = {
      server: world.pid,
      peer_id: peer.record?.peer_id,
      name: peer.record?.name ?? "",
      pool: pool && { name: pool.name, unread: Math.min(pool.unread, unread) },
      unread,
      held: heartbeat?.held ?? 0,
      presence: isBusy ? "busy" : (state ?? "idle"),
      busy_until: heartbeat?.busy_until,
      hook:
        state === undefined || spool.areHooksQuiet(world.steady(), canWake()) ? ("quiet" as const) : ("live" as const),
      broker,
      disk,
    };
    const withoutTime = renderFlags(flags, 0);
    if (always || withoutTime !== written) {
      written = withoutTime;
      // Written every ten seconds, so a disk problem is known before mail comes.
      const error = writeFlags(home, world.ppid, renderFlags(flags, world.now()), world.newId());
      if (error !== undefined) mail.failed(error);
    }
    return hasChanged;
  }

  return {
    show(now) {
      standing = now;
      write(now, true);
    },
    update: () => standing !== undefined && write(standing, false),
    close() {
      standing = undefined;
      removeFlags(home, world.ppid);
    },
  };
}
