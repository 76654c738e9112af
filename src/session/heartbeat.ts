/** What a heartbeat reports of the session, as its hooks left it in the spool. */
import type { Host } from "../hosts/host.ts";
import type { InputOf } from "../operations/index.ts";
import type { Config } from "../platform/config.ts";
import type { World } from "../platform/world.ts";
import type { ReportedHooks } from "../rules/presence.ts";
import { createBlockedOn } from "./blocked-on.ts";
import { nativeName } from "./host.ts";
import type { Mail } from "./mail.ts";
import type { Spool } from "./spool.ts";

/** A command that runs longer than this makes the peer busy for its senders. */
const LONG_COMMAND_MS = 20_000;

/** Since when a command has been running for long. An idle session runs none, and waiting for a dialog does not count. */
function longCommandSince(spool: Spool, now: number): number | undefined {
  const since = spool.state() === "active" ? spool.commandSince() : undefined;
  return since !== undefined && now - since > LONG_COMMAND_MS ? since : undefined;
}

function hooks(spool: Spool, mail: Mail, wakes: boolean, now: number): ReportedHooks {
  if (mail.trouble() !== undefined) return "unwritable";
  return spool.areHooksQuiet(now, wakes) ? "quiet" : "live";
}

export interface Reports {
  /** What senders and listings are to learn at once: a heartbeat is due when it changes. */
  signals(): string;
  heartbeat(conversation: string | undefined): InputOf<"heartbeat">;
}

/** `changed`: the signals may have changed without a change of the spool. */
export function createReports(
  world: World,
  host: Host,
  config: Pick<Config, "blocked_on">,
  spool: Spool,
  mail: Mail,
  canWake: () => boolean,
  changed: () => void,
): Reports {
  const { steady, ppid } = world;
  const blockedOn = createBlockedOn(spool, config.blocked_on === "on", changed);
  return {
    signals() {
      const [now, wakes, { tool = "", what = "" } = {}] = [steady(), canWake(), blockedOn()];
      return `${spool.state()} ${spool.sessionId()} ${longCommandSince(spool, now)} ${hooks(spool, mail, wakes, now)} ${wakes} ${tool} ${what}`;
    },
    heartbeat(conversation) {
      const [state, now, wakes, asks] = [spool.state(), steady(), canWake(), blockedOn()];
      const since = longCommandSince(spool, now);
      const alias = nativeName(world, host);
      return {
        host_pid: ppid,
        ...(conversation === undefined ? {} : { session_id: conversation }),
        ...(state === undefined || state === "ended" ? {} : { presence: state }),
        ...(asks && { blocked_on: asks }),
        ...(since === undefined ? {} : { command_ms: Math.max(0, Math.round(now - since)) }),
        hooks: hooks(spool, mail, wakes, now),
        wakes,
        ...(alias === undefined ? {} : { alias }),
        held: mail.claims(),
      };
    },
  };
}
