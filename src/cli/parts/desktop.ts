/** Notifications of the desktop: `notify-send` on Linux, `osascript` on macOS. No text passes through a shell, or is taken as markup. */
import { execFile } from "node:child_process";
import { systemCode } from "../../platform/errors.ts";
import type { World } from "../../platform/world.ts";
import { oneLine } from "../../rules/text.ts";

export interface Shown {
  title: string;
  /** One or more lines. */
  body: string;
  isUrgent: boolean;
}

export interface Desktop {
  /** Resolves to what went wrong, or `undefined`. */
  show(what: Shown): Promise<string | undefined>;
}

const TIMEOUT_MS = 5_000;
const MOST_LINES = 8;

/** The desktop of this user; `undefined` where there is none, as over ssh. */
export function desktopOf(
  { env }: Pick<World, "env">,
  platform: NodeJS.Platform = process.platform,
): Desktop | undefined {
  const isLinux = platform !== "darwin" && platform !== "win32";
  const isThere = isLinux ? env.DISPLAY || env.WAYLAND_DISPLAY : platform === "darwin" && !env.SSH_CONNECTION;
  if (!isThere) return undefined;
  const [program, argumentsFor] = isLinux
    ? (["notify-send", forNotifySend] as const)
    : (["osascript", forOsascript] as const);
  return {
    show: (what) =>
      new Promise((resolve) => {
        execFile(program, argumentsFor(cleaned(what)), { env, timeout: TIMEOUT_MS }, (error) =>
          resolve(error === null ? undefined : wrongWith(program, error)),
        );
      }),
  };
}

function wrongWith(program: string, error: Error): string {
  if (systemCode(error) !== "ENOENT") return `${program} failed`;
  return `there is no ${program}${program === "notify-send" ? ": install libnotify (libnotify-bin)" : ""}`;
}

const cleaned = ({ title, body, isUrgent }: Shown): Shown => {
  const lines = body.split("\n").slice(0, MOST_LINES);
  return { title: oneLine(title), body: lines.map((line) => oneLine(line)).join("\n"), isUrgent };
};

/** The body may be shown as markup, and notify-send reads backslashes as C does. */
function forNotifySend({ title, body, isUrgent }: Shown): string[] {
  const escaped = body
    .replaceAll("\\", "\\\\")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;");
  return ["--app-name=CCT", `--urgency=${isUrgent ? "normal" : "low"}`, "--", title, escaped];
}

/** The script is fixed; the texts are its arguments, so that nothing has to be quoted. */
const SCRIPT = ["on run argv", "display notification (item 2 of argv) with title (item 1 of argv)", "end run"];

// The title begins with a letter: an argument with a dash would be an option.
const forOsascript = ({ title, body }: Shown): string[] => [
  ...SCRIPT.flatMap((line) => ["-e", line]),
  `CCT: ${title}`,
  body,
];
