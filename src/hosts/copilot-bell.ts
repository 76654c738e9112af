/** Rings at an idle session of Copilot CLI: our extension beside it begins a turn, and the hook of its prompt brings the mail. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readTrusted, writeWhole } from "../platform/files.ts";

/** In the spool: the extension's process id and conversation, the last ring, and the last one that it heard. */
export const BELL = { bell: "bell", ring: "ring", heard: "rung" } as const;

const HEARD_MS = 8_000;
const CHECK_MS = 50;

/** Resolves whether the extension has begun a turn of the conversation. */
export async function ringBell(spool: string, newId: () => string, conversation: string): Promise<boolean> {
  const id = newId();
  writeWhole(join(spool, BELL.ring), `${id} ${conversation}\n`, newId());
  for (let ms = 0; ms < HEARD_MS; ms += CHECK_MS) {
    await sleep(CHECK_MS);
    if (readTrusted(join(spool, BELL.heard)) === `${id}\n`) return true;
  }
  return false;
}
