/** Takes a picture of `cct watch` in a tmux of its own, with the scene's clock. */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { END, type Scene, ZONE } from "./scene.ts";
import { drawOne } from "./svg.ts";

const [COLUMNS, ROWS] = [100, 26];
const WAIT_MS = 10_000;

/** Writes `watch.svg` into `folder`; answers with its path. */
export async function takeTerminal({ home }: Scene, root: string, folder: string): Promise<string> {
  const place = join(home, "..");
  const settings = join(place, "tmux.conf");
  writeFileSync(settings, "set -g status off\n");
  const around = { PATH: process.env.PATH, HOME: place, TERM: "xterm-256color", LANG: "C.UTF-8" };
  const tmux = (...args: string[]): string =>
    execFileSync("tmux", ["-S", join(place, "tmux"), "-f", settings, ...args], { encoding: "utf8", env: around });
  const clock = `--import=data:text/javascript,Date.now=()=>${END}`;
  const env = { ...around, CCT_HOME: home, TZ: ZONE, NODE_OPTIONS: clock };
  const given = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const command = ["env", "-i", ...given, process.execPath, join(root, "dist/bin.js"), "watch"];
  tmux("new-session", "-d", "-x", String(COLUMNS), "-y", String(ROWS), ...command);
  try {
    const deadline = performance.now() + WAIT_MS;
    while (!tmux("capture-pane", "-p").includes("need you")) {
      if (performance.now() > deadline) throw new Error(`cct watch shows nothing:\n${tmux("capture-pane", "-p")}`);
      await sleep(100);
    }
    // What comes with the feed.
    await sleep(1_000);
    const screen = { title: "cct watch", ansi: tmux("capture-pane", "-e", "-p") };
    const file = join(folder, "watch.svg");
    const about =
      "cct watch in a terminal: four things need you, with what to do about each, and five sessions on two machines.";
    writeFileSync(file, drawOne(screen, COLUMNS, about));
    return file;
  } finally {
    tmux("kill-server");
  }
}
