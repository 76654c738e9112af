/** Inbound policies: what a mailbox accepts, refuses, or holds for review by the operator. */
import * as z from "zod";
import { CctError } from "../platform/errors.ts";
import { policies, releaseHeld } from "../rules/delivery.ts";
import { pageOf, pageSize, pairAfter, pairPlace, placeAfter } from "../rules/listing.ts";
import { OPERATOR_NAME } from "../rules/names.ts";
import { visibilityOf } from "../rules/pools.ts";
import { MAX_POLICIES, requireBelow } from "../rules/quotas.ts";
import { LISTING_COST } from "../rules/throttle.ts";
import { heldIds, heldMail, holdersOf } from "../store/held.ts";
import { formerPeers, type Peer } from "../store/peers.ts";
import { deletePolicy, type NamedPolicy, policiesOf, policyPage, putPolicy } from "../store/policies.ts";
import { findPool } from "../store/pools.ts";
import { type Context, operation } from "./core/operation.ts";
import { pageInput, pageOutput } from "./support/listing.ts";
import { messageAmong } from "./support/may-read.ts";
import { recordDelivery } from "./support/outcomes.ts";
import { addresseeNamed } from "./support/people.ts";
import { peerNamed, poolNamed, viewerOf } from "./support/references.ts";
import { messageRef, time, urgency } from "./support/shapes.ts";

const policyOf = z.object({
  from: z.string().describe("a peer's name, @pool, or 'all the rest'"),
  policy: z.enum(policies),
});

const ALL = "all the rest";
/** What ends the policy for a sender or a pool. For all the rest it means `accept`. */
const DEFAULT = "default";

export const inboundPolicy = operation({
  name: "inbound_policy",
  by: ["peer", "operator"],
  repeatable: "always",
  errors: ["not_found", "ambiguous"],
  cli: "policy [policy]",
  example: "policy hold --peer api --from web",
  doc: "Shows or sets what a session's mailbox does with mail: accept it, hold it until the operator releases it, or refuse it (the sender is told). For one sender, one pool, or all the rest. Mail from the operator or from the broker is always accepted.",
  input: z.strictObject({
    policy: z
      .enum([...policies, DEFAULT])
      .optional()
      .describe("the new policy; 'default' ends the one for 'from'; without it the policies are only shown"),
    from: z.string().min(1).max(200).optional().describe("only for mail from this peer, or in this @pool"),
    peer: z.string().min(1).max(200).optional().describe("whose mailbox; only for the operator"),
  }),
  output: z.object({ peer_id: z.string(), name: z.string(), policies: z.array(policyOf) }),
  async run(context, input) {
    const { sql } = context;
    const owner = await ownerFor(context, input.peer);
    if (input.policy !== undefined) {
      const source = input.from === undefined ? "" : await sourceOf(context, input.from);
      if (input.policy === DEFAULT) await deletePolicy(sql, owner.peer_id, source);
      else {
        const set = await policiesOf(sql, owner.peer_id);
        if (!set.some((one) => one.source === source))
          requireBelow(set.length, MAX_POLICIES, "This mailbox has too many policies", "End one: policy 'default'.");
        await putPolicy(sql, { peer_id: owner.peer_id, source, policy: input.policy });
      }
    } else if (input.from !== undefined) {
      throw new CctError("bad_request", "'from' needs a policy.", `Use one of: ${policies.join(", ")}, ${DEFAULT}.`);
    }
    const set = await policiesOf(sql, owner.peer_id);
    const rest = set.find((one) => one.source === "")?.policy ?? "accept";
    const special = [];
    for (const one of set)
      if (one.source !== "") special.push({ from: await sourceName(context, one.source), policy: one.policy });
    return {
      peer_id: owner.peer_id,
      name: owner.name,
      policies: [...special, { from: ALL, policy: rest }],
    };
  },
});

async function ownerFor(context: Context, ref: string | undefined): Promise<Peer> {
  const { caller } = context;
  if (caller.kind !== "peer") {
    if (ref !== undefined) return peerNamed(context, ref);
    throw new CctError("bad_request", "Whose policy?", "Name the session: --peer <peer>.");
  }
  if (ref === undefined) return caller.peer;
  const named = await peerNamed(context, ref);
  if (named.peer_id === caller.peer.peer_id) return named;
  throw new CctError("forbidden", "A session can only set its own policy.", "Name no peer: then it is yours.");
}

async function sourceOf(context: Context, ref: string): Promise<string> {
  if (ref.trim().toLowerCase() === OPERATOR_NAME)
    throw new CctError("bad_request", "Mail from the operator is always accepted.", "Name a peer or a pool.");
  if (ref.trim().startsWith("@")) return (await poolNamed(context.sql, ref, context.caller)).pool_id;
  return (await addresseeNamed(context, ref)).peer_id;
}

async function sourceName({ sql, caller }: Context, source: string): Promise<string> {
  const [peer] = await formerPeers(sql, [source]);
  if (peer) return peer.name;
  const pool = await findPool(sql, source);
  // A private pool that the peer is not in stays hidden.
  return pool && visibilityOf(pool, viewerOf(caller)) !== "hidden" ? `@${pool.name}` : source;
}

export const listPolicies = operation({
  name: "list_policies",
  cost: LISTING_COST,
  isolation: "snapshot",
  by: ["operator"],
  repeatable: "always",
  errors: ["not_found", "ambiguous"],
  cli: "policies",
  example: "policies --peer api",
  doc: "Lists the inbound policies of all mailboxes, or of one. A mailbox without one accepts all mail.",
  input: z.strictObject({ peer: z.string().min(1).max(200).optional().describe("whose mailbox"), ...pageInput }),
  output: z.object({
    policies: z.array(
      z.object({
        peer_id: z.string(),
        name: z.string().describe("whose mailbox"),
        from: policyOf.shape.from,
        ref: z.string().optional().describe("what 'inbound_policy' takes as 'from'; absent for all the rest"),
        policy: z.enum(policies),
      }),
    ),
    ...pageOutput,
  }),
  async run(context, input) {
    const { sql, limits } = context;
    const limit = pageSize(input.limit, limits.page);
    const owner = input.peer === undefined ? undefined : (await peerNamed(context, input.peer)).peer_id;
    const [peer_id, source] = pairAfter(input.after) ?? ["", ""];
    const found = await policyPage(sql, owner, { peer_id, source }, limit + 1);
    const { page, ...rest } = pageOf(found, limit, (one) => pairPlace(one.peer_id, one.source));
    return {
      policies: page.map((one) => ({
        peer_id: one.peer_id,
        name: one.name,
        ...namedSource(one),
        policy: one.policy,
      })),
      ...rest,
    };
  },
});

/** By id, because a name can mean another one tomorrow; a person has no other reference than the name. */
function namedSource({ source, from_name: from, from_host: host, from_pool: pool }: NamedPolicy) {
  if (source === "") return { from: ALL };
  if (pool !== null) return { from: `@${pool}`, ref: `@${source}` };
  return { from: from ?? source, ref: host === "" && from !== null ? from : source };
}

export const heldMessages = operation({
  name: "held_messages",
  isolation: "snapshot",
  by: ["peer", "operator"],
  repeatable: "always",
  cli: "held",
  example: "held --as api",
  doc: "Lists mail that an inbound policy holds, oldest first: a peer's own, or all of it for the operator. Only the operator can release it.",
  input: z.strictObject(pageInput),
  output: z.object({
    held: z.array(
      z.object({
        message_id: z.string(),
        from_name: z.string(),
        to: z.string().describe("the mailbox that holds it"),
        urgency,
        text: z.string(),
        sent_at: time,
        expires_at: time.nullable(),
      }),
    ),
    ...pageOutput,
  }),
  async run({ sql, caller, limits }, input) {
    const limit = pageSize(input.limit, limits.page);
    const place = placeAfter(input.after, 1);
    const after = place && { seq: place.numbers[0] ?? 0, peer_id: place.id };
    const owner = caller.kind === "peer" ? caller.peer.peer_id : undefined;
    const { page, ...rest } = pageOf(await heldMail(sql, owner, after, limit + 1), limit, (one) => [
      one.seq,
      one.peer_id,
    ]);
    return {
      held: page.map(({ message, name, expires_at }) => ({
        message_id: message.message_id,
        from_name: message.from_name,
        to: name,
        urgency: message.urgency,
        // The policy keeps the text from the peer's own model.
        text: caller.kind === "peer" ? "" : message.text,
        sent_at: message.sent_at,
        expires_at,
      })),
      ...rest,
    };
  },
});

export const unholdMessage = operation({
  name: "unhold_message",
  by: ["operator"],
  repeatable: "never",
  errors: ["not_found", "ambiguous"],
  cli: "unhold <message_id>",
  example: "unhold 4ad570c5",
  doc: "Releases held mail to every mailbox that holds it.",
  input: z.strictObject({ message_id: messageRef.describe("as `cct held` shows it") }),
  output: z.object({ released: z.int().describe("mailboxes that it was released to") }),
  async run(context, input) {
    const { sql } = context;
    const { message_id } = (await messageAmong(context, input.message_id, (part) => heldIds(sql, part))) ?? input;
    let released = 0;
    for (const row of await holdersOf(sql, message_id)) {
      const next = releaseHeld(row);
      if (!next) continue;
      await recordDelivery(context, row, next);
      context.emit({ peer_id: row.peer_id, about: "mail" });
      released++;
    }
    if (released > 0) return { released };
    throw new CctError("not_found", `No mailbox holds a message '${message_id}'.`, "See: cct held");
  },
});
