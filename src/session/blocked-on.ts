/** What the session waits for at a permission dialog, as others may see it: without what may be a secret. */
import { containsKey } from "../client/secrets.ts";
import { askedIn, type BlockedOn, HIDDEN_WHAT, mayHoldSecret, shownWhat } from "../rules/blocked-on.ts";
import type { Spool } from "./spool.ts";

/** Returns a function that says what it is now. `changed` is called when a text was checked and may be shown. */
export function createBlockedOn(
  spool: Pick<Spool, "state" | "asked">,
  isReported: boolean,
  changed: () => void,
): () => BlockedOn | undefined {
  let asked = "";
  let known: BlockedOn | undefined;

  async function check(json: string, tool: string, text: string): Promise<void> {
    const what = (await isHarmless(text)) ? shownWhat(text) : HIDDEN_WHAT;
    // Otherwise another dialog is open by now.
    if (asked !== json) return;
    known = { tool, what };
    changed();
  }

  return () => {
    if (!isReported || spool.state() !== "blocked") return undefined;
    const json = spool.asked();
    if (json === asked) return known;
    asked = json;
    const found = askedIn(json);
    known = found && { tool: found.tool };
    if (found?.text) void check(json, found.tool, found.text);
    return known;
  };
}

/** What cannot be checked stays here. */
async function isHarmless(text: string): Promise<boolean> {
  try {
    return !mayHoldSecret(text) && !(await containsKey(text));
  } catch {
    return false;
  }
}
