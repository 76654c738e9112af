/** Becoming a peer, or the one that a session was before. */
import * as z from "zod";
import { CctError } from "../platform/errors.ts";
import { acknowledge, cutOff, renew } from "../rules/delivery.ts";
import { freeName, hostFrom, nameFrom, stemOf } from "../rules/names.ts";
import { holdsName, isLive, READY } from "../rules/presence.ts";
import { checkPlain } from "../rules/text.ts";
import { countQueued } from "../store/inbox.ts";
import { openDeliveries } from "../store/messages.ts";
import { insertPeer, type Peer, peersNamedLike, updatePeer } from "../store/peers.ts";
import { hashSecret } from "./core/identity.ts";
import { type Context, operation } from "./core/operation.ts";
import { endBusy } from "./support/busy.ts";
import { recordOutcome } from "./support/outcomes.ts";
import { held, place } from "./support/session-shapes.ts";

export const register = operation({
  name: "register",
  by: ["newcomer", "peer"],
  repeatable: "never",
  errors: ["conflict"],
  doc: "Registers a session as a peer. Without credentials it creates a new peer and returns its secret, once. With a peer's credentials the session becomes that peer again, unless another live session is that peer.",
  input: z.strictObject({
    name: z.string().min(1).max(200).optional().describe("the name wanted; '-2' is added when it is taken"),
    ...place,
    held,
  }),
  output: z.object({
    peer_id: z.string(),
    name: z.string(),
    secret: z.string().optional().describe("32 characters; only for a new peer"),
    waiting: z.int(),
  }),
  async run(context, input) {
    const { sql, caller, now } = context;
    for (const [field, value] of Object.entries(input)) if (typeof value === "string") checkPlain(field, value);
    const host = hostFrom(input.host);
    const session = {
      host,
      claude_pid: input.claude_pid,
      session_id: input.session_id ?? null,
      cwd: input.cwd,
      repo: input.repo ?? null,
      branch: input.branch ?? null,
      remote: input.remote ?? null,
      presence: "idle" as const,
      last_seen: now,
      polls: input.polls ?? false,
      hooks: "live" as const,
      device_id: context.device?.device_id ?? null,
    };
    if (caller.kind === "peer") {
      const { peer } = caller;
      const sameProcess = peer.claude_pid === input.claude_pid && peer.host === host;
      if (isLive(peer, now) && !sameProcess) {
        throw new CctError(
          "conflict",
          `${peer.name} is another live session (process ${peer.claude_pid} on ${peer.host}).`,
          "Register without credentials to become a new peer.",
        );
      }
      // A process that had left the peer, or another one under its number, does not go on where that one was.
      const goesOn = sameProcess && peer.presence !== "offline";
      await takeBackMail(context, peer, input.held, goesOn);
      const present = { ...peer, ...session, summary: peer.summary || (input.summary ?? "") };
      // What an ended process was busy with has ended with it.
      const back = goesOn || peer.busy_since === null ? present : await endBusy(context, present);
      await updatePeer(sql, back);
      return { peer_id: back.peer_id, name: back.name, waiting: (await countQueued(sql, back.peer_id, now)).all };
    }
    const peer: Peer = {
      ...session,
      ...READY,
      peer_id: context.newId(),
      name: await nameForNewcomer(context, nameFrom(input.name ?? "session")),
      summary: input.summary ?? "",
      took_at: null,
      created_at: now,
    };
    const secret = context.newId();
    await insertPeer(sql, peer, hashSecret(secret));
    return { peer_id: peer.peer_id, name: peer.name, secret, waiting: 0 };
  },
});

/**
 * A session becomes a known peer again. Claims that it does not hold any more were lost with the old session server.
 * Unless the host process is the same and goes on, what was taken but not seen to be read comes again as well.
 */
async function takeBackMail(
  context: Context,
  peer: Peer,
  stillHeld: readonly { message_id: string; attempt: number }[],
  goesOn: boolean,
): Promise<void> {
  const { sql, now } = context;
  for (const delivery of await openDeliveries(sql, peer.peer_id, ["claimed", "delivered"])) {
    const claim = stillHeld.find((one) => one.message_id === delivery.message_id && one.attempt === delivery.attempt);
    const next = claim
      ? renew(delivery, claim.attempt, now)
      : delivery.state === "claimed"
        ? acknowledge(delivery, delivery.attempt, "lost", now)
        : goesOn
          ? undefined
          : cutOff(delivery);
    if (next) await recordOutcome(context, delivery, next);
  }
}

/** The wanted name, or the next free one. A name whose owner is long gone, with no mail waiting, changes hands. */
async function nameForNewcomer({ sql, now }: Context, wanted: string): Promise<string> {
  const peers = await peersNamedLike(sql, wanted, stemOf(wanted));
  const name = freeName(
    wanted,
    peers.filter((peer) => holdsName(peer, now)).map((peer) => peer.name),
  );
  const before = peers.find((peer) => peer.name.toLowerCase() === name.toLowerCase());
  if (before) {
    const aside = `${before.name.slice(0, 28)}-${before.peer_id.slice(0, 8)}`;
    const others = await peersNamedLike(sql, aside, stemOf(aside));
    await updatePeer(sql, {
      ...before,
      name: freeName(
        aside,
        others.map((peer) => peer.name),
      ),
    });
  }
  return name;
}
