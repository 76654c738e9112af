/** Rings at an idle session of a host whose hooks bring the mail once a turn has begun. */
import type { World } from "../platform/world.ts";
import { mayWake, readSpoolHead } from "../rules/spoolfile.ts";
import { wakePauseMs } from "../rules/wakepause.ts";
import type { Spool } from "./spool.ts";
import type { Waker } from "./waker.ts";

/** A turn that was asked for begins within so long, or not at all. */
const BEGINS_MS = 15_000;

/** `ring` resolves whether the host will begin a turn of the conversation. */
export function createDoorbell(
  { steady }: Pick<World, "steady">,
  ring: (conversation: string) => Promise<boolean>,
  spool: Spool,
): Waker {
  let isRinging = false;
  let failures = 0;
  let pauseEnds = Number.NEGATIVE_INFINITY;
  /** The last ring, and when the state before it was written. */
  let rung: { at: number; on: number | undefined } | undefined;
  const rests = (): boolean => steady() < pauseEnds;

  function isDue(): boolean {
    const mail = readSpoolHead(spool.peek() ?? "");
    return mail !== undefined && mayWake(mail) && spool.state() === "idle";
  }

  function failed(): void {
    rung = undefined;
    pauseEnds = steady() + wakePauseMs(++failures, false);
  }

  function look(): void {
    const conversation = spool.sessionId();
    if (isRinging || rests() || conversation === undefined || !isDue()) return;
    const on = spool.stateWrittenAt();
    if (rung && rung.on === on) {
      // Until its prompt's hook has run the session looks idle.
      if (steady() - rung.at > BEGINS_MS) failed();
      return;
    }
    if (rung) failures = 0;
    isRinging = true;
    const end = (isHeard: boolean): void => {
      isRinging = false;
      rung = { at: steady(), on };
      if (!isHeard) failed();
    };
    void ring(conversation).then(end, () => end(false));
  }

  return { look, rests };
}
