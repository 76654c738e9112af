/** Terminals for programs that draw on a screen: a tmux server of our own, in the stage's network. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Network } from "./network.ts";

const execute = promisify(execFile);

interface Terminal {
  /** The pid of the program that was started in it. */
  pid: number;
  type(text: string): Promise<void>;
  /** A key as tmux calls it: Enter, Escape, C-c. */
  key(key: string): Promise<void>;
  screen(): Promise<string>;
  history(): Promise<string>;
  /** The screen when it was looked at last. */
  lastSeen(): string;
  hasEnded(): Promise<boolean>;
  /** As when a user closes the window. */
  close(): Promise<void>;
}

export interface Terminals {
  open(command: readonly string[], cwd: string): Promise<Terminal>;
}

export async function openTerminals(network: Network, folder: string): Promise<Terminals> {
  const options = ["-S", join(folder, "tmux"), "-f", "/dev/null"];
  const env = { PATH: process.env.PATH, HOME: folder, TERM: "xterm-256color", LANG: "C.UTF-8" };
  const tmux = async (...args: string[]): Promise<string> => {
    const [program, words] = network.within(["tmux", ...options, ...args]);
    return (await execute(program, words, { env })).stdout;
  };
  await tmux("new-session", "-d", "-x", "150", "-y", "50", "sleep", "infinity");
  await tmux("set-option", "-g", "remain-on-exit", "on", ";", "set-option", "-g", "history-limit", "5000");

  return {
    async open(command, cwd) {
      const format = "#{pane_id} #{pane_pid}";
      const [pane = "", pid] = (await tmux("new-window", "-d", "-P", "-F", format, "-c", cwd, ...command))
        .trim()
        .split(" ");
      let seen = "";
      const capture = async (...more: string[]): Promise<string> => {
        seen = (await tmux("capture-pane", "-p", "-t", pane, ...more)).replace(/[ \n]+$/gm, "");
        return seen;
      };
      return {
        pid: Number(pid),
        async type(text) {
          await tmux("send-keys", "-t", pane, "-l", "--", text);
        },
        async key(key) {
          await tmux("send-keys", "-t", pane, key);
        },
        screen: () => capture(),
        history: () => capture("-S", "-"),
        lastSeen: () => seen,
        close: async () => void (await tmux("kill-pane", "-t", pane)),
        hasEnded: async () => (await tmux("display", "-p", "-t", pane, "#{pane_dead}")) === "1\n",
      };
    },
  };
}
