/** Registration: a session becomes a new peer, or one that it was before. */
import * as z from "zod";
import { CctError } from "../platform/errors.ts";
import { hashSecret } from "../platform/secrets.ts";
import { agentFrom } from "../rules/agents.ts";
import { NOT_BLOCKED } from "../rules/blocked-on.ts";
import { COUNT_LIMIT } from "../rules/counted.ts";
import { acknowledge, renew, requeueUnread } from "../rules/delivery.ts";
import { aliasFrom, hostFrom, nameFrom } from "../rules/names.ts";
import { BEAT_MS, NOT_BUSY } from "../rules/presence.ts";
import { nameBefore } from "../rules/seats.ts";
import { noStream } from "../rules/stream-claims.ts";
import { checkPlainText } from "../rules/text.ts";
import { openDeliveries } from "../store/deliveries.ts";
import { countQueued } from "../store/inbox.ts";
import { insertPeer, type Peer } from "../store/peers.ts";
import { setStream } from "../store/streams.ts";
import { type Context, operation } from "./core/operation.ts";
import { endBusy } from "./support/busy.ts";
import { nameFor, requireEmptySeat, tellHeir, tellTaken } from "./support/naming.ts";
import { recordOutcome } from "./support/outcomes.ts";
import { beginSpan, changePeer } from "./support/presence.ts";
import { mayBeLive } from "./support/references.ts";
import { heldClaims, hostPid, hostPidOf, sessionFields } from "./support/session-shapes.ts";

export const register = operation({
  name: "register",
  by: ["newcomer", "peer"],
  repeatable: "never",
  errors: ["conflict"],
  doc: "Registers a session as a peer. Without credentials it creates a new peer and returns its secret, once. With a peer's credentials the session becomes that peer again, unless another live session is that peer. With `seat` as well, it becomes that peer only if this is the seat that the name stands for now.",
  input: z.strictObject({
    name: z.string().min(1).max(200).optional().describe("the preferred name; '-2' is appended when it is taken"),
    seat: z
      .boolean()
      .optional()
      .describe("the name was given on purpose: it is kept, and the next session with that name takes its mailbox"),
    ...hostPid,
    ...sessionFields,
    held: heldClaims,
  }),
  output: z.object({
    peer_id: z.string(),
    name: z.string(),
    secret: z.string().optional().describe("32 characters; only for a new peer"),
    waiting: z.int().describe(`counted to ${COUNT_LIMIT}`),
  }),
  async run(context, input) {
    const { sql, caller, now } = context;
    for (const [field, value] of Object.entries(input)) if (typeof value === "string") checkPlainText(field, value);
    const host = hostFrom(input.host);
    const host_pid = hostPidOf(input);
    const session = {
      host,
      host_pid,
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
      midturn: input.midturn ?? true,
      agent: agentFrom(input.agent),
      server_pid: input.server_pid ?? null,
      alias: aliasFrom(input.alias),
      hooks: "live" as const,
      device_id: context.device?.device_id ?? null,
    };
    const wanted = nameFrom(input.name ?? "session");
    const origin = { host, device_id: session.device_id };
    if (caller.kind === "peer") {
      const { peer } = caller;
      const sameProcess = peer.host_pid === host_pid && peer.host === host;
      if (mayBeLive(peer, context) && !sameProcess) {
        throw new CctError(
          "conflict",
          `${peer.name} is another live session (process ${peer.host_pid} on ${peer.host}).`,
          "Register without credentials to become a new peer.",
        );
      }
      if (input.seat) await requireEmptySeat(context, peer, wanted, origin);
      // A process that left the peer, or another one that reuses its pid, does not continue that session.
      const continues = sameProcess && peer.presence !== "offline";
      await takeBackMail(context, peer, input.held, continues);
      const isHeir = input.seat === true && !continues;
      const lost = continues ? undefined : nameBefore(peer);
      const present = {
        ...peer,
        ...session,
        name: lost === undefined ? peer.name : await nameFor(context, lost, origin, peer),
        // What a conversation said of itself is not true of another one.
        own_summary: peer.own_summary && !isHeir,
        summary: peer.own_summary && !isHeir ? peer.summary : (input.summary ?? ""),
      };
      // A busy signal ends with its process.
      const back = continues || peer.busy_since === null ? present : await endBusy(context, present);
      await changePeer(context, peer, back);
      await setStream(sql, back.peer_id, noStream);
      if (isHeir) await tellHeir(context, back);
      return { peer_id: back.peer_id, name: back.name, waiting: (await countQueued(sql, back.peer_id, now)).all };
    }
    const peer: Peer = {
      ...session,
      ...NOT_BUSY,
      ...NOT_BLOCKED,
      peer_id: context.newId(),
      name: await nameFor(context, wanted, origin),
      summary: input.summary ?? "",
      own_summary: false,
      took_at: null,
      created_at: now,
      away_since: null,
      seat: input.seat ?? false,
      muted: false,
    };
    const secret = context.newId();
    await insertPeer(sql, peer, hashSecret(secret));
    await beginSpan(context, peer);
    context.changed({ what: "peer", id: peer.peer_id });
    if (peer.seat && peer.name !== wanted) await tellTaken(context, peer, wanted);
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
