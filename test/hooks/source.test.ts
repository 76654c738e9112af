/** Static checks of the hook script and of `hooks.json`. */
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { WAKE } from "../../src/rules/texts/frames.ts";
import { notRun } from "../support/not-run.ts";
import { events, hooksFile, plugin } from "./hook.ts";

const script = join(plugin, "hooks/mail.sh");
const text = readFileSync(script, "utf8");
/** Without comments, and without what stands between single quotes, which is no shell. */
const code = text.replace(/^\s*#.*$/gm, "").replace(/'[^']*'/g, "''");

test("the script is valid bash", () => {
  expect(execFileSync("bash", ["-n", script], { encoding: "utf8" })).toBe("");
});

const missing = spawnSync("shellcheck", ["--version"]).status !== 0;

test.skipIf(missing && notRun("shellcheck of the hooks", "shellcheck is not installed"))(
  "shellcheck has no complaint",
  () => {
    const { stdout, status } = spawnSync("shellcheck", ["--shell=bash", script], { encoding: "utf8" });
    expect({ stdout, status }).toEqual({ stdout: "", status: 0 });
  },
);

/** What bash learnt after 3.2, the one of macOS. */
const YOUNGER: Record<string, RegExp> = {
  "changing the case of letters": /\$\{[\w@*]+(\[[^\]]*\])?(,|\^)/,
  "transformations (@Q …)": /\$\{[^}]*@[A-Za-z]\}/,
  "mapfile, readarray": /\b(mapfile|readarray)\b/,
  "declare -A, -n, -g": /\b(declare|local|typeset)\s+-[a-zA-Z]*[Ang]/,
  "&>>": /&>>/,
  "|&": /\|&/,
  coproc: /\bcoproc\b/,
  "variables of later versions": /\b(EPOCHREALTIME|EPOCHSECONDS|BASHPID|SRANDOM|BASH_ARGV0)\b/,
  "-v and -R in tests": /(\[\[?|test)\s+(!\s+)?-[vR]\s/,
  "negative lengths of substrings": /\$\{\w+:[^}]*:\s*-/,
  "negative subscripts": /\[-\d+\]/,
  "printf's times": /%\([^)]*\)T/,
  "printf -v to an array's element": /printf\s+-v\s+\S+\[/,
  ";& and ;;&": /;;?&/,
  "{a..b..step}": /\{\S+\.\.\S+\.\.\S+\}/,
  "{variable}> for descriptors": /\{[a-z_]\w*\}[<>]/,
  "wait -n, shopt globstar, lastpipe, inherit_errexit": /\b(wait\s+-n|globstar|lastpipe|inherit_errexit)\b/,
  "read -i, and fractions of seconds": /\bread\b[^\n]*(\s-i\s|-t\s*0?\.\d)/,
};

test.each(Object.keys(YOUNGER))("uses no feature that is newer than bash 3.2: %s", (name) => {
  expect(code.match(YOUNGER[name] ?? /$^/)?.[0]).toBe(undefined);
});

test("`read -N` (bash 4) is used only behind a version check", () => {
  const at = [...code.matchAll(/\bread\b[^\n]*\s-N\s/g)].map((match) => match.index);
  const guard = /if \(\(BASH_VERSINFO\[0\] > 3\)\); then\n[^\n]*\n/.exec(code);
  expect(guard).not.toBe(null);
  const from = guard?.index ?? 0;
  for (const index of at) expect(index > from && index < from + (guard?.[0].length ?? 0)).toBe(true);
});

test("the patterns for newer features match them", () => {
  const young = [
    'x=${y,,} ${z^}', "echo ${y@Q}", "mapfile -t a", "local -A a", "cmd &>>f", "a |& b", "coproc x", "$BASHPID",
    "[[ -v x ]]", "${x:0:-1}", "${a[-1]}", "printf '%(%s)T'", "printf -v a[1] x", "x ;;&", "{1..9..2}",
    "exec {fd}<f", "wait -n", "read -t 0.5 x",
  ]; // biome-ignore format: one line each would be long
  const names = Object.keys(YOUNGER);
  expect(young).toHaveLength(names.length);
  for (const [i, line] of young.entries()) expect(line).toMatch(YOUNGER[names[i] ?? ""] ?? /$^/);
});

/** Loads the script unless it was uninstalled: then the host would show its user, and the model, the words of an error. */
const LOAD = '[[ ! -r $1 ]] || . "$1" "$2"';

/** Every tool but CCT's own: no mail comes with these, and the end of their batch shows as well that the model went on. */
const OTHERS = "^(?!mcp__(plugin_cct_)?cct__).*";

/** The hooks that look first whether the script has anything to do. */
const LOOKING = ["UserPromptSubmit", "PreToolUse", "PostToolBatch", "Stop"];

test("every event has one mail hook, run by bash without the user's settings and never by `sh`", () => {
  const file = hooksFile();
  expect(Object.keys(file).sort()).toEqual([...events].sort());
  for (const event of events) {
    const entries = (file[event] ?? []).filter(({ hooks }) => hooks.some(({ args }) => args?.at(-1) === event));
    const [hook, waiter, ...more] = entries.flatMap((entry) => entry.hooks);
    expect(entries.map(({ matcher }) => matcher)).toEqual([event === "PreToolUse" ? OTHERS : undefined]);
    expect(more).toEqual([]);
    expect(hook).toMatchObject({ type: "command", command: "bash" });
    expect(hook?.args?.slice(0, 2)).toEqual(["--norc", "-c"]);
    const [, , command = ""] = hook?.args ?? [];
    expect([command, command.endsWith(` || ${LOAD}`) || command.endsWith(` || ${LOAD}; fi`)]).toEqual(
      LOOKING.includes(event) ? [command, true] : [LOAD, false],
    );
    expect(hook?.args?.at(-1)).toBe(event);
    expect(hook?.timeout).toBeLessThanOrEqual(30);
    // Status 2 wakes for FileChanged, and would deny elsewhere; only there it is awaited in the background.
    expect(hook?.asyncRewake).toBe(event === "FileChanged" ? true : undefined);
    if (event === "FileChanged") expect(hook).toMatchObject(WAKE);
    // Where a session becomes idle, a waiter begins to wait, for a working day.
    const idle = event === "SessionStart" || event === "Stop";
    const args = ["--norc", "-c", LOAD, ...(hook?.args ?? []).slice(3, -1), "Waiter"];
    const wakes = { timeout: 86_400, asyncRewake: true, ...WAKE };
    expect(waiter).toEqual(idle ? { ...hook, args, ...wakes } : undefined);
  }
});

test("CCT's own tools are allowed without a prompt, and no others", () => {
  const [mail, entry, command, ...others] = hooksFile().PreToolUse ?? [];
  expect(command?.matcher).toBe("Bash");
  expect(others).toEqual([]);
  // The host matches whole names.
  const matcher = new RegExp(`^(?:${entry?.matcher})$`);
  const mailMatcher = new RegExp(mail?.matcher ?? "");
  for (const tool of ["mcp__plugin_cct_cct__cct_send_message", "mcp__cct__cct_list_peers"]) {
    expect(tool).toMatch(matcher);
    expect(tool).not.toMatch(mailMatcher);
  }
  for (const tool of ["Bash", "mcp__cctx__a", "mcp__plugin_cct_cctx__a", "mcp__other__mcp__cct__a", "mcp__cct"]) {
    expect(tool).not.toMatch(matcher);
    expect(tool).toMatch(mailMatcher);
  }
  const [hook] = entry?.hooks ?? [];
  const { stdout, stderr, status } = spawnSync(hook?.command ?? "", hook?.args ?? [], {
    encoding: "utf8",
    input: "{}",
  });
  expect({ stderr, status }).toEqual({ stderr: "", status: 0 });
  expect(JSON.parse(stdout)).toEqual({
    hookSpecificOutput: {
      hookEventName: "PreToolUse",
      permissionDecision: "allow",
      permissionDecisionReason: expect.any(String),
    },
  });
});
