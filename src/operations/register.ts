/** Registration: a session becomes a new peer, or one that it was before. */
import * as z from "zod";
import { CctError } from "../platform/errors.ts";
import { hashSecret } from "../platform/secrets.ts";
import { acknowledge, renew, requeueUnread } from "../rules/delivery.ts";
import { freeName, hostFrom, nameFrom, stemOf } from "../rules/names.ts";
import { BEAT_MS, holdsName, NOT_BUSY } from "../rules/presence.ts";
import { checkPlainText } from "../rules/text.ts";
import { countQueued } from "../store/inbox.ts";
import { openDeliveries } from "../store/messages.ts";
import { insertPeer, type Peer, peersNamedLike, updatePeer } from "../store/peers.ts";
import { type Context, operation } from "./core/operation.ts";
import { endBusy } from "./support/busy.ts";
import { recordOutcome } from "./support/outcomes.ts";
import { mayBeLive } from "./support/references.ts";
import { heldClaims, sessionFields } from "./support/session-shapes.ts";

export const register = operation({
  name: "register",
  by: ["newcomer", "peer"],
  repeatable: "never",
  errors: ["conflict"],
  doc: "Registers a session as a peer. Without credentials it creates a new peer and returns its secret, once. With a peer's credentials the session becomes that peer again, unless another live session is that peer.",
  input: z.strictObject({
    name: z.string().min(1).max(200).optional().describe("the preferred name; '-2' is appended when it is taken"),
    ...sessionFields,
    held: heldClaims,
  }),
  output: z.object({
    peer_id: z.string(),
    name: z.string(),
    secret: z.string().optional().describe("32 characters; only for a new peer"),
    waiting: z.int(),
  }),
  async run(context, input) {
    const { sql, caller, now } = context;
    for (const [field, value] of Object.entries(input)) if (typeof value === "string") checkPlainText(field, value);
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
      beat_ms: BEAT_MS,
      polls: input.polls ?? false,
      wakes: input.wakes ?? true,
      server_pid: input.server_pid ?? null,
      hooks: "live" as const,
      device_id: context.device?.device_id ?? null,
    };
    if (caller.kind === "peer") {
      const { peer } = caller;
      const sameProcess = peer.claude_pid === input.claude_pid && peer.host === host;
      if (mayBeLive(peer, context) && !sameProcess) {
        throw new CctError(
          "conflict",
          `${peer.name} is another live session (process ${peer.claude_pid} on ${peer.host}).`,
          "Register without credentials to become a new peer.",
        );
      }
      // A process that left the peer, or another one that reuses its pid, does not continue that session.
      const continues = sameProcess && peer.presence !== "offline";
      await takeBackMail(context, peer, input.held, continues);
      const present = { ...peer, ...session, summary: peer.own_summary ? peer.summary : (input.summary ?? "") };
      // A busy signal ends with its process.
      const back = continues || peer.busy_since === null ? present : await endBusy(context, present);
      await updatePeer(sql, back);
      return { peer_id: back.peer_id, name: back.name, waiting: (await countQueued(sql, back.peer_id, now)).all };
    }
    const peer: Peer = {
      ...session,
      ...NOT_BUSY,
      peer_id: context.newId(),
      name: await nameForNewcomer(context, nameFrom(input.name ?? "session")),
      summary: input.summary ?? "",
      own_summary: false,
      took_at: null,
      created_at: now,
      away_since: null,
    };
    const secret = context.newId();
    await insertPeer(sql, peer, hashSecret(secret));
    return { peer_id: peer.peer_id, name: peer.name, secret, waiting: 0 };
  },
});

/**
 * Settles a returning peer's open deliveries. Claims that the session no longer has were lost with its old session server.
 * Unless the same host process continues, delivered mail that was not seen to be read is queued again, too.
 */
async function takeBackMail(
  context: Context,
  peer: Peer,
  stillHeld: readonly { message_id: string; attempt: number }[],
  continues: boolean,
): Promise<void> {
  const { sql, now } = context;
  for (const delivery of await openDeliveries(sql, peer.peer_id, ["claimed", "delivered"])) {
    const claim = stillHeld.find((one) => one.message_id === delivery.message_id && one.attempt === delivery.attempt);
    const next = claim
      ? renew(delivery, claim.attempt, now)
      : delivery.state === "claimed"
        ? acknowledge(delivery, delivery.attempt, "lost", now)
        : continues
          ? undefined
          : requeueUnread(delivery);
    if (next) await recordOutcome(context, delivery, next);
  }
}

/** The wanted name, or the next free one. A peer that is long gone, without waiting mail, loses its name to the newcomer. */
async function nameForNewcomer({ sql, confirmed }: Context, wanted: string): Promise<string> {
  const peers = await peersNamedLike(sql, wanted, stemOf(wanted));
  const name = freeName(
    wanted,
    peers.filter((peer) => holdsName(peer, confirmed)).map((peer) => peer.name),
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
