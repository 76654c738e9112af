/** For whom mail is rendered: what the hooks have told this conversation, and what its user has set. */
import type { Config } from "../platform/config.ts";
import type { World } from "../platform/world.ts";
import { shortId } from "../rules/address.ts";
import type { Audience } from "../rules/framing.ts";
import { OPERATOR_NAME } from "../rules/names.ts";
import type { CurrentPeer } from "./peer.ts";
import type { Signals } from "./signals.ts";

export interface AudienceNow {
  /** For mail that is rendered now. */
  look(): Audience;
  /** Mail was shown, and the name that stood in it. */
  shown(): void;
}

export function createAudience(
  world: Pick<World, "now">,
  { requests }: Pick<Config, "requests">,
  signals: Pick<Signals, "instructed" | "write">,
  peer: CurrentPeer,
): AudienceNow {
  /** The names in mail that was rendered, and of which nobody knows yet whether it was shown. */
  let named = new Set<string>();
  return {
    look() {
      const told = signals.instructed();
      const { record } = peer;
      const unnamed = record && told !== record.name ? { name: record.name, id: shortId(record.peer_id) } : undefined;
      if (unnamed) named.add(unnamed.name);
      return {
        instructed: told !== undefined,
        unnamed,
        asksAbout: ({ from, other_device }) =>
          from !== OPERATOR_NAME && (requests === "ask" || (requests === "own" && other_device === true)),
        now: world.now(),
      };
    },
    shown() {
      const [name, ...others] = named;
      named = new Set();
      // After a change of the name it is open which of them was shown: the next mail says it once more.
      if (name === undefined || others.length > 0) return;
      // Where no hook tells anything, the mail goes on to say all.
      if (signals.instructed() === undefined) return;
      try {
        signals.write("instructed", name);
      } catch {
        // The disk is full. The next mail says the name again; that this one was shown is still reported.
      }
    },
  };
}
