/** What a heartbeat reports of the session, as its hooks left it in the spool. */
import type { InputOf } from "../operations/index.ts";
import type { World } from "../platform/world.ts";
import type { ReportedHooks } from "../rules/presence.ts";
import type { Mail } from "./mail.ts";
import type { Spool } from "./spool.ts";

/** A command that runs longer than this makes the peer busy for its senders. */
const LONG_COMMAND_MS = 20_000;

/** Since when a command has been running for long. An idle session runs none, and waiting for a dialog does not count. */
function longCommandSince(spool: Spool, now: number): number | undefined {
  const since = spool.state() === "active" ? spool.commandSince() : undefined;
  return since !== undefined && now - since > LONG_COMMAND_MS ? since : undefined;
}

function hooks(spool: Spool, mail: Mail, now: number): ReportedHooks {
  if (mail.trouble() !== undefined) return "unwritable";
  return spool.areHooksQuiet(now) ? "quiet" : "live";
}

/** What senders and listings are to learn at once: a heartbeat is due when it changes. */
export const signalsOf = (spool: Spool, mail: Mail, now: number): string =>
  `${spool.state()} ${spool.sessionId()} ${longCommandSince(spool, now)} ${hooks(spool, mail, now)}`;

export function heartbeatOf(
  { steady, ppid }: World,
  spool: Spool,
  mail: Mail,
  conversation: string | undefined,
): InputOf<"heartbeat"> {
  const state = spool.state();
  const since = longCommandSince(spool, steady());
  return {
    claude_pid: ppid,
    ...(conversation === undefined ? {} : { session_id: conversation }),
    ...(state === undefined || state === "ended" ? {} : { presence: state }),
    ...(since === undefined ? {} : { command_ms: Math.max(0, Math.round(steady() - since)) }),
    hooks: hooks(spool, mail, steady()),
    held: mail.claims(),
  };
}
