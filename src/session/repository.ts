/**
 * Keeps what peers see of a session's place up to date: its directory, repository, branch and a summary. Git runs again when
 * a hook names another directory, or when the files change that a checkout or a commit writes.
 */
import type { World } from "../platform/world.ts";
import { askGit, evidenceOf, type GitFacts } from "./git.ts";

/** The registration waits this long. */
const FIRST_TIMEOUT_MS = 280;
const TIMEOUT_MS = 20_000;
/** Many commits in a row are one change. */
const PAUSE_MS = 3_000;
/** After a git that took too long. */
const LONG_PAUSE_MS = 60_000;

export type Place = GitFacts & { cwd: string };

export interface Repository {
  /** As git last told. `undefined`: not yet. The same object as long as nothing changes. */
  place(): Place | undefined;
  /** Waits for the first answer, but not for long. */
  begin(): Promise<void>;
  /** To call regularly. Asks git again when there is a reason; calls `changed` when it answers something else. */
  look(changed: () => void): void;
}

/** `directory`: where the session is now, if hooks have told. */
export function createRepository(world: World, directory: () => string | undefined): Repository {
  let place: Place | undefined;
  /** What the place was made from. */
  let known: string | undefined;
  let isLooking = false;
  let notBefore = 0;

  /** Returns whether the place is another one. */
  async function ask(timeoutMs: number): Promise<boolean> {
    const cwd = directory() ?? world.cwd;
    const evidence = `${cwd} ${await evidenceOf(cwd, world.env.GIT_DIR)}`;
    if (evidence === known) return false;
    const facts = await askGit(cwd, timeoutMs);
    if (!facts && timeoutMs === TIMEOUT_MS) notBefore = world.steady() + LONG_PAUSE_MS;
    if (!facts) return false;
    known = evidence;
    const next = { cwd, ...facts };
    if (JSON.stringify(next) === JSON.stringify(place)) return false;
    place = next;
    return true;
  }

  return {
    place: () => place,
    async begin() {
      if (!place) await ask(FIRST_TIMEOUT_MS);
    },
    look(changed) {
      if (isLooking || world.steady() < notBefore) return;
      isLooking = true;
      void ask(TIMEOUT_MS)
        .then(
          (isNew) => isNew && changed(),
          () => {},
        )
        .finally(() => {
          isLooking = false;
          notBefore = Math.max(notBefore, world.steady() + PAUSE_MS);
        });
    },
  };
}
