/** The extension beside sessions of Copilot CLI, which its user has to turn on. It registers nothing, so that nobody is asked. */
import { BELL } from "../hosts/copilot-bell.ts";
import { WAKE } from "../rules/texts/frames.ts";

const words = JSON.stringify(WAKE.rewakeSummary);
/** Given to extensions by the host. */
const sdk = JSON.stringify("@github/copilot-sdk/extension");

export const copilotExtension = `// Written by cct install. It begins a turn when mail waits for an idle session; the hook of the prompt brings the mail.
import { lstatSync, readFileSync, renameSync, watch, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { joinSession } from ${sdk};

const { env, pid, ppid } = process;
const home = env.CCT_HOME || join(env.HOME || homedir(), ".cct");
const spool = join(home, "spool", String(ppid));
const session = await joinSession({});

const read = (name) => {
  try {
    return readFileSync(join(spool, name), "utf8");
  } catch {
    return undefined;
  }
};
const write = (name, text) => {
  const draft = join(spool, ".tmp." + name + pid);
  writeFileSync(draft, text, { mode: 0o600 });
  renameSync(draft, join(spool, name));
};
const isOurs = () => {
  const found = lstatSync(spool);
  return found.isDirectory() && found.uid === process.getuid?.();
};

const bell = pid + " " + session.sessionId + "\\n";
// One of before was not for this process.
let last = read("${BELL.ring}");

async function look() {
  try {
    if (!isOurs()) return;
    if (read("${BELL.bell}") !== bell) write("${BELL.bell}", bell);
    const ring = read("${BELL.ring}");
    if (ring === undefined || ring === last) return;
    last = ring;
    const [id, conversation] = ring.trim().split(" ");
    if (conversation !== session.sessionId) return;
    await session.send({ prompt: ${words}, displayPrompt: ${words} });
    write("${BELL.heard}", id + "\\n");
  } catch {
    // There is no spool, or the session has ended.
  }
}

let watcher;
function keep() {
  try {
    watcher ??= watch(spool, (_event, name) => {
      if (name === "${BELL.ring}") void look();
    }).on("error", () => {
      watcher = undefined;
    });
  } catch {
    // Not there yet.
  }
  void look();
}
keep();
setInterval(keep, 1_000);
`;
