/**
 * Wakes an idle session of a host that takes mail in an inbox of its own, and has no hook that does it. Such a turn begins without
 * a hook. So the session counts as active from the moment in which its mail is sent, and the end that a hook tells of next is the
 * end of this turn: unless a prompt was faster, which empties the file `woke`.
 */
import type { Host } from "../hosts/host.ts";
import type { World } from "../platform/world.ts";
import { mayWake, readSpoolHead, readSpoolTexts, type TakenFile } from "../rules/spoolfile.ts";
import { wakePauseMs } from "../rules/wakepause.ts";
import type { Spool } from "./spool.ts";

export interface Waker {
  /** To call whenever mail or the session's state may have changed, and regularly, unless it rests. */
  look(): void;
  /** The host did not take mail, and is left alone for a while. */
  rests(): boolean;
}

/** In the file `woke`: no prompt has come since the mail was sent. */
const NO_PROMPT = "-";

/** Mail that was written into the inbox. */
interface Sent {
  file: TakenFile;
  conversation: string;
  /** When the state was written that says that the turn has begun. */
  at: number | undefined;
  /** `woke` says whether a prompt came. Else it holds a line for the user. */
  isMarked: boolean;
}

export function createWaker(
  world: Pick<World, "env" | "newId" | "steady">,
  wake: NonNullable<Host["wake"]>,
  spool: Spool,
): Waker {
  let isBusy = false;
  let failures = 0;
  let pauseEnds = Number.NEGATIVE_INFINITY;
  /** Mail that the host has, for the turn after the one that is under way. */
  let queued: Sent | undefined;

  const rests = (): boolean => world.steady() < pauseEnds;
  const isIdle = (): boolean => spool.state() === "idle";
  /** Where a turn is under way, a hook is sooner than the inbox. */
  function isDue(): boolean {
    const mail = readSpoolHead(spool.peek() ?? "");
    return mail !== undefined && mayWake(mail) && isIdle();
  }

  function take(conversation: string): Sent | undefined {
    // A prompt may have been faster while this connected.
    spool.refresh();
    const file = isDue() && spool.sessionId() === conversation ? spool.take("Waiter") : undefined;
    if (!file) return undefined;
    const isMarked = spool.wokeLine() === "";
    if (isMarked) spool.write("woke", NO_PROMPT);
    spool.remind();
    spool.overrideState("active");
    return { file, conversation, at: spool.stateWrittenAt(), isMarked };
  }

  /** What hooks have told since it was sent. */
  function since({ at, isMarked }: Sent): "nothing" | "a prompt" | "this turn" {
    const isUnprompted = spool.wokeLine() === NO_PROMPT;
    if (isUnprompted) spool.write("woke", "");
    if (isMarked && !isUnprompted) return "a prompt";
    // Not by its time: file systems tell times apart that are some milliseconds apart.
    if (isMarked && spool.state() !== "active") return "this turn";
    return spool.stateWrittenAt() === at ? "nothing" : "a prompt";
  }

  function shown({ file, conversation }: Sent): void {
    // A host does not show to one conversation what was sent to another. Then it comes again.
    if (spool.sessionId() !== conversation) return;
    spool.setStage(file, "done");
    spool.remind();
  }

  function accepted(sent: Sent): void {
    failures = 0;
    const told = since(sent);
    // The other turn may be over as well: then a later hook tells that this one was read.
    if (told === "a prompt" && !isIdle()) {
      queued = sent;
      return;
    }
    shown(sent);
    if (told === "this turn" && isIdle()) spool.setStage({ ...sent.file, stage: "done" }, "read");
  }

  /** After ten seconds the mail comes again, marked. */
  function failed(sent: Sent | undefined, isRefused: boolean): void {
    failures++;
    pauseEnds = world.steady() + wakePauseMs(failures, isRefused);
    if (sent && since(sent) === "nothing") spool.overrideState("idle");
  }

  async function run(conversation: string): Promise<void> {
    let sent: Sent | undefined;
    let isTooLate = false;
    const outcome = await wake(world, conversation, () => {
      try {
        sent = take(conversation);
        isTooLate = sent === undefined;
      } catch {
        // The disk is full.
      }
      return sent && readSpoolTexts(sent.file.content)?.text;
    }).catch(() => "lost" as const);
    spool.refresh();
    if (sent && outcome === "queued") accepted(sent);
    else if (!isTooLate) failed(sent, outcome === "refused");
  }

  function look(): void {
    if (queued && isIdle()) {
      shown(queued);
      queued = undefined;
    }
    const conversation = spool.sessionId();
    if (isBusy || queued || conversation === undefined || !isDue()) return;
    isBusy = true;
    const end = (): void => {
      isBusy = false;
    };
    // The next tick looks again.
    void run(conversation).then(end, end);
  }

  return { look, rests };
}
