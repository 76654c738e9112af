/** What the operator does with peers: rename one, merge two, forget one. */
import * as z from "zod";
import { CctError } from "../platform/errors.ts";
import { shortId } from "../rules/address.ts";
import { checkName } from "../rules/names.ts";
import * as notices from "../rules/texts/notices.ts";
import type { Peer } from "../store/peers.ts";
import { type Context, operation } from "./core/operation.ts";
import { renamed } from "./support/naming.ts";
import { report } from "./support/post.ts";
import { changePeer } from "./support/presence.ts";
import { mayBeLive, peerNamed } from "./support/references.ts";
import { forget, heldBy, merge } from "./support/removal.ts";

const peer = z.string().min(1).max(200);
const named = { peer_id: z.string(), name: z.string() };

export const renamePeer = operation({
  name: "rename_peer",
  by: ["operator"],
  repeatable: "always",
  errors: ["not_found", "ambiguous", "conflict"],
  cli: "peers rename <peer> <name>",
  example: "peers rename my-app-2 api",
  doc: "Renames a peer, which is told. Mail to its old name does not arrive.",
  input: z.strictObject({
    peer: peer.describe("its name, or a prefix of its id"),
    name: z.string().min(1).max(40).describe("its new name"),
  }),
  output: z.object(named),
  async run(context, input) {
    const before = await peerNamed(context, input.peer);
    if (input.name === before.name) return { peer_id: before.peer_id, name: before.name };
    checkName(input.name);
    const after = await renamed(context, before, input.name);
    await changePeer(context, before, after);
    context.emit({ peer_id: after.peer_id, about: "peer" });
    await report(context, {
      to: [after],
      pool: undefined,
      text: notices.renamed(before.name, after.name),
      urgency: "low",
    });
    return { peer_id: after.peer_id, name: after.name };
  },
});

export const mergePeers = operation({
  name: "merge_peers",
  by: ["operator"],
  repeatable: "never",
  errors: ["not_found", "ambiguous", "conflict"],
  cli: "peers merge <from> <into>",
  example: "peers merge api-2 api",
  doc: "Merges a peer that is away into another one, for good: its mail, history, pools, votes and services become the other's. Its name is free then.",
  input: z.strictObject({
    from: peer.describe("the peer that ends; no session may be using it"),
    into: peer.describe("the peer that gets everything"),
  }),
  output: z.object({
    ...named,
    from_peer_id: z.string(),
    from_name: z.string(),
    messages: z.int().describe("waiting messages that it got"),
    pools: z.array(z.string()).describe("pools of the peer that ended"),
  }),
  async run(context, input) {
    const from = await peerNamed(context, input.from);
    const into = await peerNamed(context, input.into);
    if (from.peer_id === into.peer_id) {
      throw new CctError(
        "bad_request",
        `'${input.from}' and '${input.into}' are one peer.`,
        "Name two: see list_peers.",
      );
    }
    requireAway(from, context);
    const { messages, pools } = await merge(context, from, into);
    await report(context, {
      to: [into],
      pool: undefined,
      text: notices.merged(from.name, shortId(from.peer_id)),
      urgency: "low",
    });
    return {
      peer_id: into.peer_id,
      name: into.name,
      from_peer_id: from.peer_id,
      from_name: from.name,
      messages,
      pools,
    };
  },
});

export const forgetPeer = operation({
  name: "forget_peer",
  by: ["operator"],
  repeatable: "never",
  errors: ["not_found", "ambiguous", "conflict"],
  cli: "peers forget <peer>",
  example: "peers forget api-2",
  doc: "Removes a peer that is away, for good: its name is free, and its session, if it resumes, is a new peer. Its messages stay in the history.",
  input: z.strictObject({
    peer: peer.describe("its name, or a prefix of its id"),
    force: z
      .boolean()
      .optional()
      .describe("also if mail waits for it or it is in a pool: the mail ends unread, and its senders are told"),
  }),
  output: z.object({
    ...named,
    messages: z.int().describe("waiting messages that ended unread"),
    pools: z.array(z.string()).describe("pools that it left"),
  }),
  async run(context, input) {
    const gone = await peerNamed(context, input.peer);
    requireAway(gone, context);
    const held = await heldBy(context.sql, gone);
    if (held.length > 0 && input.force !== true) {
      throw new CctError(
        "conflict",
        `${gone.name} is still needed: ${held.join("; ")}.`,
        "Give all of it to another peer (cct peers merge), or let it end (cct peers forget --force).",
      );
    }
    return { peer_id: gone.peer_id, name: gone.name, ...(await forget(context, gone, "operator")) };
  },
});

function requireAway(peer: Peer, context: Context): void {
  if (!mayBeLive(peer, context)) return;
  throw new CctError(
    "conflict",
    `${peer.name} is a live session (process ${peer.host_pid} on ${peer.host}).`,
    "End that session first.",
  );
}
