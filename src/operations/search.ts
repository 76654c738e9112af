/** Full-text search over messages. */
import * as z from "zod";
import { CctError } from "../platform/errors.ts";
import { deliveryStates } from "../rules/delivery.ts";
import { excessOf, queryOf, snippetOf } from "../rules/search.ts";
import { addresseeOf } from "../rules/texts/people.ts";
import { LISTING_COST } from "../rules/throttle.ts";
import { countStates } from "../store/history.ts";
import { searchMessages } from "../store/message-filter.ts";
import { formerPeers } from "../store/peers.ts";
import { indexedPart, wordQuery } from "../store/search.ts";
import { operation } from "./core/operation.ts";
import { filterFor, senderNamed } from "./support/message-filters.ts";
import { messageHead, toMessageHead } from "./support/message-heads.ts";
import { addressFormatter, senderAddressFormatter } from "./support/references.ts";
import { time, writtenSeq, writtenTime } from "./support/shapes.ts";

/** Of an address that is an id. */
function toName(to: string, all: readonly { peer_id: string; name: string }[]): { to_name?: string } {
  const name = addresseeOf(to, all);
  return name === to ? {} : { to_name: name };
}

const SNIPPET = 200;
/** Characters of all found texts together in which the words are looked for: that takes 0.2 s at most. */
const READ = 500_000;
const reference = z.string().min(1).max(200);

export const search = operation({
  name: "search",
  cost: LISTING_COST,
  isolation: "snapshot",
  by: ["peer", "operator", "person"],
  repeatable: "always",
  errors: ["not_found", "ambiguous"],
  cli: "search <query>",
  example: 'search "port 5433" --since 2d',
  tool: {
    title: "Search messages",
    readOnly: true,
    unlisted: ["state"],
    adds: { notice: z.string().describe("whose words the texts are") },
  },
  doc: 'Finds old messages by their words, newest first: those that you sent or were given; all of them for the operator. All words must be in the text; "words in quotes" follow each other; beginn* finds words that begin so.',
  input: z.strictObject({
    query: z.string().min(1).max(400).describe("the words"),
    from: reference.optional().describe("only from this sender"),
    with: reference.optional().describe("only what this peer sent or received"),
    pool: reference.optional().describe("only in this pool"),
    since: writtenTime.optional().describe("sent at this time or later: 2h, 3d, 14:05, 2026-11-26"),
    before: writtenSeq.optional().describe("sent before this time; or the number that an answer says"),
    state: z.enum(deliveryStates).optional().describe("only messages with a delivery in this state"),
    limit: z.int().min(1).max(100).optional().describe("default 20"),
  }),
  output: z.object({
    messages: z.array(
      z.object({
        ...messageHead,
        to_name: z.string().optional().describe("last known, of the peer whose id 'to' is"),
        snippet: z
          .string()
          .describe(
            "the part of the text around the words, on one line; its beginning if they are far into a long text",
          ),
        hits: z.array(z.array(z.int())).describe("where the words are in it: beginning and end of each"),
        states: z.array(z.object({ state: z.enum(deliveryStates), recipients: z.int() })),
      }),
    ),
    next: z.int().optional().describe("there may be more: the value of 'before' for them"),
    indexed_since: time.optional().describe("what was sent earlier is not searched yet: the index is being built"),
  }),
  async run(context, input) {
    const { sql, caller } = context;
    const terms = queryOf(input.query);
    if (terms.length === 0)
      throw new CctError("bad_request", "The query has no word.", "Give a word of letters or digits.");
    const excess = excessOf(terms);
    if (excess !== undefined)
      throw new CctError("bad_request", `A search takes at most ${excess}.`, "Search for the rarest of them.");
    const filter = {
      ...(await filterFor(context, input)),
      from: input.from === undefined ? undefined : await senderNamed(context, input.from),
      // What a policy holds back is not read by way of a search, and mail that waits comes by itself.
      knownTo: caller.kind === "peer" ? caller.peer.peer_id : undefined,
      words: wordQuery(terms),
    };
    const part = await indexedPart(sql);
    const { messages, next } = await searchMessages(sql, filter, part.to, input.before, input.limit ?? 20);
    const states = await countStates(
      sql,
      messages.map((one) => one.message_id),
    );
    const named = await formerPeers(sql, [
      ...new Set(messages.flatMap((one) => (one.pool === null && one.target !== "" ? one.target : []))),
    ]);
    const callSender = await senderAddressFormatter(sql, await addressFormatter(sql, caller), messages);
    return {
      messages: messages.map((m) => {
        const { text: snippet, hits } = snippetOf(m.text, terms, SNIPPET, READ / messages.length);
        return {
          ...toMessageHead(m, callSender(m)),
          ...toName(m.to_address, named),
          snippet,
          hits,
          states: states
            .filter((one) => one.message_id === m.message_id)
            .map(({ state, recipients }) => ({ state, recipients })),
        };
      }),
      ...(next === undefined ? {} : { next }),
      ...(part.from === 0 ? {} : { indexed_since: Math.ceil(part.from / 1000) }),
    };
  },
});
