/** `cct watch` in a real terminal: a tmux server of our own, with a window of a given size. */
import { execFile, execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { isAlive } from "../../src/platform/process.ts";
import { atEnd } from "../support/cleanup.ts";
import { root, tempFolder } from "../support/folders.ts";
import { until } from "../support/wait.ts";

const execute = promisify(execFile);

/** Why there is no tmux; `undefined` if there is one. */
export function withoutTmux(): string | undefined {
  try {
    execFileSync("tmux", ["-V"], { stdio: "ignore" });
    return undefined;
  } catch {
    return "there is no tmux";
  }
}

export interface Window {
  /** Of the program in it. */
  pid: number;
  /** The screen as it is now, without trailing space. */
  screen(): Promise<string>;
  /** Resolves with the screen once it has this in it. */
  shows(what: string | RegExp): Promise<string>;
  /** Resolves with the screen once it does not have this in it any more. */
  hides(what: string): Promise<string>;
  /** Keys as tmux calls them: Enter, Escape, C-c, or letters. */
  press(...keys: string[]): Promise<void>;
  type(text: string): Promise<void>;
  /** As a terminal does, between its marks. */
  paste(text: string): Promise<void>;
  resize(columns: number, rows: number): Promise<void>;
  /** The exit code of the program, once it has ended, and what the terminal's modes were then. */
  ended(): Promise<{ code: number; modes: string }>;
  /** Modes of the terminal, as tmux knows them. */
  mode(format: string): Promise<string>;
  /** Closes the terminal under the program. */
  close(): Promise<void>;
}

interface WindowOptions {
  columns: number;
  rows: number;
  env: Record<string, string | undefined>;
  /** The program and its arguments; by default `cct watch`. */
  command?: readonly string[];
  /** With colours. */
  colour?: boolean;
}

const SETTINGS = "set -g status off\n";
/** Runs a program as a shell does, and says how it ended. `$0`: the file for its pid. */
const SHELL = `echo before; sh -c 'echo $$ >"$0"; exec "$@"' "$0" "$@"; echo "exit $?"; stty -a; echo "now cat"; exec cat`;

/** Starts a program in a terminal of its own. */
export async function openWindow({ columns, rows, env, command, colour }: WindowOptions): Promise<Window> {
  const folder = tempFolder();
  const socket = join(folder, "tmux");
  const pidFile = join(folder, "pid");
  const settings = join(folder, "tmux.conf");
  writeFileSync(settings, SETTINGS);
  const around = { PATH: process.env.PATH, HOME: folder, TERM: "xterm-256color", LANG: "C.UTF-8", TZ: "UTC" };
  const tmux = async (...args: string[]): Promise<string> =>
    (await execute("tmux", ["-S", socket, "-f", settings, ...args], { env: around })).stdout;
  const words = command ?? [process.execPath, join(root, "dist/bin.js"), "watch"];
  const own = { TERM: "xterm-256color", LANG: "C.UTF-8", TZ: "UTC", ...(colour ? {} : { NO_COLOR: "1" }), ...env };
  const given = Object.entries(own).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));
  const size = ["-x", String(columns), "-y", String(rows)];
  await tmux("new-session", "-d", ...size, "env", "-i", ...given, "sh", "-c", SHELL, pidFile, ...words);
  const mode = async (format: string): Promise<string> => (await tmux("display", "-p", format)).trimEnd();
  const pid = await until("the program has started", () => Number(readIfThere(pidFile)) || undefined);
  const pids = [Number(await mode("#{pid}")), Number(await mode("#{pane_pid}")), pid];
  const close = async (): Promise<void> => {
    await tmux("kill-server").catch(() => {});
    await until("the terminal and its program are gone", () => pids.every((one) => !isAlive(one)));
  };
  atEnd(close);
  const screen = async (): Promise<string> => (await tmux("capture-pane", "-p")).replace(/[ \t]+$/gm, "");
  const has = (text: string, what: string | RegExp): boolean =>
    typeof what === "string" ? text.includes(what) : what.test(text);
  const waitFor = async (name: string, isRight: (text: string) => boolean): Promise<string> => {
    let last = "";
    await until(name, async () => {
      last = await screen();
      return isRight(last);
    }).catch((error: unknown) => {
      throw new Error(`${String(error)}\nThe screen was:\n${last}`);
    });
    return last;
  };
  return {
    pid,
    screen,
    mode,
    shows: (what) => waitFor(`the screen shows ${what}`, (text) => has(text, what)),
    hides: (what) => waitFor(`the screen hides ${what}`, (text) => !has(text, what)),
    async press(...keys) {
      await tmux("send-keys", ...keys);
    },
    async type(text) {
      await tmux("send-keys", "-l", "--", text);
    },
    async paste(text) {
      await tmux("set-buffer", "--", text, ";", "paste-buffer", "-p", "-r");
    },
    async resize(width, height) {
      await tmux("resize-window", "-x", String(width), "-y", String(height));
    },
    async ended() {
      const screen = await waitFor("the program has ended", (text) => /^exit \d+$[\s\S]*now cat/m.test(text));
      const flags = await mode("#{alternate_on} #{cursor_flag} #{wrap_flag}");
      const [icanon] = /-?\bicanon\b/.exec(screen) ?? [];
      const [echo] = /-?\becho\b/.exec(screen) ?? [];
      return { code: Number(/^exit (\d+)$/m.exec(screen)?.[1]), modes: `${flags} ${icanon} ${echo}` };
    },
    close,
  };
}

const readIfThere = (path: string): string => (existsSync(path) ? readFileSync(path, "utf8") : "");
