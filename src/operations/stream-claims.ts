/**
 * What the broker itself does for a peer whose event stream it holds: begin the stream, repeat an open claim when mail
 * comes, and take back what could not be written. They run like operations, with the authority of the stream's opening, but
 * nobody can call them.
 */
import * as z from "zod";
import { CctError } from "../platform/errors.ts";
import { isLive } from "../rules/presence.ts";
import { beginStream, noteSent, withdrawSent } from "../rules/stream-claims.ts";
import { putStream, setStream, streamOf } from "../store/streams.ts";
import { claimed, claimInput, takeMail } from "./claims.ts";
import { callingPeer, operation } from "./core/operation.ts";
import { settle } from "./support/streams.ts";

const internal = { isolation: "snapshot", durable: false, by: ["peer"], repeatable: "never" } as const;
const stream = z.string();

export const openStream = operation({
  ...internal,
  name: "open_stream",
  doc: "From now on mail is claimed for this stream of the peer only.",
  input: z.strictObject({ stream }),
  output: z.object({}),
  async run(context, input) {
    const { peer_id } = callingPeer(context);
    await putStream(context.sql, peer_id, beginStream(await streamOf(context.sql, peer_id), input.stream));
    return {};
  },
});

export const claimForStream = operation({
  ...internal,
  name: "claim_for_stream",
  errors: ["conflict"],
  doc: "Repeats an open claim, and remembers that its answer goes over the stream.",
  input: z.strictObject({ ...claimInput, stream }),
  output: z.object({ ...claimed, number: z.int().describe("how many answers with mail the stream had so far") }),
  async run(context, input) {
    const peer = callingPeer(context);
    const before = await streamOf(context.sql, peer.peer_id);
    // This row is written below, so on PostgreSQL a transaction that closes the stream cannot overlap with this one.
    if (before.id !== input.stream) throw new CctError("conflict", "The peer has another stream now.");
    // The connection may be dead, and nobody has noticed yet.
    if (!isLive(peer, context.now)) throw new CctError("conflict", "The peer was not heard for long.");
    const { answer, mail } = await takeMail(context, peer, input);
    if (mail.length === 0) return { ...answer, number: before.count };
    const claims = mail.map(({ delivery: { message_id, attempt, redelivered } }) => ({
      message_id,
      attempt,
      marked: redelivered,
    }));
    const next = noteSent(before, claims);
    await setStream(context.sql, peer.peer_id, next);
    return { ...answer, number: next.count };
  },
});

export const closeStream = operation({
  ...internal,
  name: "close_stream",
  doc: "The stream has ended, and of the answers after this number nothing was written.",
  input: z.strictObject({ stream, written: z.int() }),
  output: z.object({}),
  async run(context, input) {
    const { peer_id } = callingPeer(context);
    await settle(context, peer_id, (before) => withdrawSent(before, input.stream, input.written));
    return {};
  },
});
