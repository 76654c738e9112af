/**
 * The hooks that run `mail.sh`, in the form of Claude Code's `hooks.json`, from a host's data. Events whose hook runs often look
 * first whether there is anything to do: bash would read the whole script before (docs/decisions/0051).
 */
import { WAKE } from "../rules/texts/frames.ts";
import { eventOf, type Host, type HostEvent, REST_FILE, type Role, type Shape } from "./host.ts";
import { processId } from "./script.ts";

interface HookEntry {
  matcher?: string;
  hooks: ({ type: "command"; command: string; args: string[]; timeout: number } & Record<string, unknown>)[];
}

const TIMEOUT_S = 10;
/** Of a waiter: a day. Each end of a turn starts a new one. */
const WAITER_S = 86_400;

/** Loads the script unless it was uninstalled: then the host would show its user, and the model, the words of an error. */
const LOAD = '[[ ! -r $1 ]] || . "$1" "$2"';

/** What stands before it. `$p`: the host's process id, digits only, because it becomes part of paths; `$s`: the spool. */
const looks = (host: Host): Partial<Record<Role, (load: string) => string>> => {
  const pid = `${processId(host, "p")}; [[ $p == [1-9]* && $p != *[!0-9]* && \${#p} -lt 11 ]] || p=$PPID;`;
  const find = `${pid} h=\${CCT_HOME:-$HOME/.cct}; h=\${h%/}; s=$h/spool/$p;`;
  const ours = "-O $s && -O $h/spool && -O $h && ! -L $s && ! -L $h/spool && ! -L $h";
  /** Not while a subagent runs: its hooks look like the session's own. */
  const alone = (work: string): string =>
    host.tools.agent === undefined ? work : `${countAgents} [[ \${#a} -gt \${#b} ]] || { ${work}; }`;
  /** At the prompt and at the end of a turn none runs, even if one was interrupted. `hookVariable`: another conversation, perhaps. */
  const turnFacts = [
    ...(host.tools.agent === undefined ? [] : [`[[ ! -s $s/agents || -L $s/agents ]] || printf '' >"$s/agents";`]),
    ...(host.hookVariable === undefined ? [] : [tellConversation(host.hookVariable)]),
  ].join(" ");
  /** Writes the state, and ends if nothing waits, no command runs, and the session server lives. */
  const turn = (state: string) => (load: string) =>
    `${find} if [[ ${ours} ]]; then exec 2>/dev/null; ${turnFacts}${turnFacts && " "}` +
    `[[ -O $s/state && ! -L $s/state && $PWD != *$'\\n'* ]] && printf '${state} %s\\n' "$PWD" 1<>"$s/state" && ` +
    "[[ ! -e $s/mail && ! -e $s/due && ! -s $s/tool && -f $s/server ]] && " +
    `read -r q _ <"$s/server" && kill -0 "$q" || ${load}; fi`;
  const tool = `[[ ! -s $s/tool ]] || { [[ ${ours} ]] && [[ -f $s/tool && -O $s/tool && ! -L $s/tool ]] && printf '' >"$s/tool"; } 2>/dev/null; `;
  return {
    // Whose turn it is stands on standard input.
    ...(!host.subagentHooks && { UserPromptSubmit: turn("active"), Stop: turn("idle") }),
    PreToolUse: (load) => `${find} [[ ! -e $s/mail && ! -e $s/due ]] || ${load}`,
    // A command that ran has ended.
    PostToolBatch: (load) => `${find} ${tool}` + `[[ ! -e $s/mail && ! -e $s/due && -e $s/batches ]] || ${load}`,
    PostToolUse: (load) => `${find} ${tool}${alone(`[[ ! -e $s/mail && ! -e $s/due ]] || ${load}`)}`,
    PreModelRequest: (load) => `${find} ${alone(`[[ ! -e $s/due ]] || ${load}`)}`,
  };
};

/** Notes a fact in a file of the spool. */
const notes = (host: Host, file: string, word: string): string =>
  noting(host, file, `printf '${word}\\n' 1<>"$s/${file}"`);

const noting = (host: Host, file: string, how: string): string =>
  `umask 077; ${processId(host, "p")}; [[ $p == [1-9]* && $p != *[!0-9]* && \${#p} -lt 11 ]] || p=$PPID; s=\${CCT_HOME:-$HOME/.cct}/spool/$p; ` +
  `[[ ! -O $s || -L $s || -L $s/${file} || -p $s/${file} ]] || { ${how}; } 2>/dev/null; exit 0`;

/** A `+` for each subagent that begins, a `-` for each that has ended: appended, because they run side by side. */
const counts = (host: Host, sign: "+" | "-"): string => noting(host, "agents", `printf '%s' ${sign} >>"$s/agents"`);

/** `$a` is longer than `$b` while one runs. */
const countAgents = `a= b=; [[ ! -s $s/agents || -L $s/agents ]] || read -r a <"$s/agents"; b=\${a//+}; a=\${a//-};`;

const tellConversation = (variable: string): string =>
  `c=; [[ -L $s/session ]] || read -r c <"$s/session"; v=\${${variable}-}; ` +
  `[[ -z $v || $v == *[!A-Za-z0-9-]* || $v == "$c" || -L $s/session ]] || printf '%s\\n' "$v" 1<>"$s/session";`;

const bash = (command: string, ...args: string[]) => ({
  type: "command" as const,
  command: "bash",
  args: ["--norc", "-c", command, ...args],
  timeout: TIMEOUT_S,
});

/** By the host's event. `script`: where `mail.sh` lies. */
export function hooksOf(host: Host, script: string): Record<string, HookEntry[]> {
  const look = looks(host);
  const run = (role: Role) => bash(look[role]?.(LOAD) ?? LOAD, "cct", script, role);
  const wakes = { asyncRewake: true, ...WAKE };
  /** Where a session becomes idle, a waiter begins to wait. */
  const waiters = eventOf(host, "FileChanged") ? [{ ...run("Waiter"), timeout: WAITER_S, ...wakes }] : [];
  const { own, shell, agent } = host.tools;
  const entries = ({ role, matcher, mail, hold, allow }: HostEvent): HookEntry[] => {
    switch (role) {
      case "SessionStart":
      case "Stop":
        return [{ hooks: [run(role), ...waiters] }];
      case "PreToolUse":
        return [
          // No mail comes with our own tools.
          ...(mail || hold ? [{ matcher: `^(?!${own}).*`, hooks: [run(role)] }] : []),
          ...(allow ? [{ matcher: `${own}.*`, hooks: [says(allow)] }] : []),
          { matcher: shell, hooks: [bash(notes(host, "tool", "running"))] },
          ...(agent === undefined ? [] : [{ matcher: `^${agent}$`, hooks: [bash(counts(host, "+"))] }]),
        ];
      case "PostToolUse":
        if (agent === undefined) return [{ hooks: [run(role)] }];
        return [
          { matcher: `^${agent}$`, hooks: [bash(counts(host, "-"))] },
          { matcher: `^(?!${agent}$)`, hooks: [run(role)] },
        ];
      case "FileChanged":
        return [{ hooks: [{ ...run(role), ...wakes }] }];
      case "Rest":
        return [{ ...(matcher !== undefined && { matcher }), hooks: [bash(notes(host, REST_FILE, "idle"))] }];
      default:
        return [{ ...(matcher !== undefined && { matcher }), hooks: [run(role)] }];
    }
  };
  return Object.fromEntries(Object.entries(host.events).map(([name, event]) => [name, entries(event)]));
}

const says = (answer: Shape) => ({
  type: "command" as const,
  command: "printf",
  args: ["%s", JSON.stringify(answer)],
  timeout: TIMEOUT_S,
});

/** The plugin's `hooks.json`. */
export const hooksFile = (host: Host, script: string): string =>
  `${JSON.stringify({ description: "Claude Code Talk: mail between sessions", hooks: hooksOf(host, script) }, null, 2)}\n`;
