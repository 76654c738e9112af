/** What needs the operator: the list, and putting a row of it aside. */
import * as z from "zod";
import { CctError } from "../platform/errors.ts";
import { isNeedId, type NeedKind, needKinds } from "../rules/attention.ts";
import { guards } from "../rules/guards.ts";
import { LISTING_COST } from "../rules/throttle.ts";
import * as store from "../store/attention.ts";
import { operation } from "./core/operation.ts";
import { needsFor } from "./support/needs.ts";
import { participantOf } from "./support/people.ts";
import { time } from "./support/shapes.ts";

const MOST = 200;
const USUAL = 100;

const need = z.object({
  need_id: z.string().describe("stable while the thing lasts; for dismiss_need"),
  kind: z
    .enum(needKinds)
    .describe(
      "blocked: a session waits for its user's permission; vote: an open proposal; question: a message to you; held: mail that a policy holds; dead: mail that ended unread; guard: a peer that a guard stopped; nohook: mail waits and nothing takes it; service: one that does not answer",
    ),
  at: time.describe("since when"),
  changed_at: time.describe("when there was last more of it: what was put aside before comes back"),
  deadline: time.optional().describe("when the vote ends, or the first held message expires"),
  peer_id: z
    .string()
    .optional()
    .describe("who is blocked, asks, was stopped, or does not get its mail; whom to release"),
  name: z.string().describe("of that peer, or of the service"),
  other_id: z.string().optional().describe("from whom it is held, or to whom the stopped one wrote (a peer or a pool)"),
  other: z.string().optional().describe("its name"),
  pool_id: z.string().optional(),
  pool: z.string().optional(),
  proposal_id: z.string().optional(),
  votes: z.object({ yes: z.int(), no: z.int(), voters: z.int(), needed: z.int() }).optional(),
  service_id: z.string().optional(),
  message_id: z.string().optional().describe("of several the oldest"),
  message_ids: z.array(z.string()).optional().describe("the oldest 20"),
  count: z.int().optional().describe("messages"),
  guard: z.enum(guards).optional(),
  tool: z.string().optional().describe("what a blocked session asks your permission for"),
  what: z.string().optional().describe("the command, file, address or question of that tool"),
  detail: z.string().describe("one line"),
});

export const attention = operation({
  name: "attention",
  cost: LISTING_COST,
  isolation: "snapshot",
  by: ["operator"],
  repeatable: "always",
  cli: "attention",
  example: "attention",
  doc: "Lists what needs you: blocked sessions, open votes, questions to you, held mail, mail that ended unread, loops that were stopped, sessions that do not take their mail, services that do not answer. A row goes by itself when its cause is gone.",
  input: z.strictObject({
    limit: z.int().min(1).max(MOST).optional().describe(`at most so many; default ${USUAL}`),
  }),
  output: z.object({
    now: time,
    needs: z.array(need).describe("by kind, in each kind the oldest first"),
    counts: z.record(z.enum(needKinds), z.int()).describe("of all, by kind"),
    more: z.int().describe("how many are not listed"),
  }),
  async run(context, input) {
    const { now } = context;
    const all = await needsFor(context, participantOf(context).peer_id);
    const limit = input.limit ?? USUAL;
    const counts = Object.fromEntries(needKinds.map((kind) => [kind, 0])) as Record<NeedKind, number>;
    for (const { kind } of all) counts[kind]++;
    return {
      now,
      needs: all.slice(0, limit),
      counts,
      more: Math.max(0, all.length - limit),
    };
  },
});

export const dismissNeed = operation({
  name: "dismiss_need",
  isolation: "snapshot",
  by: ["operator"],
  repeatable: "always",
  cli: "attention dismiss <need_id...>",
  example: "attention dismiss blocked.4c1f0e2d9a8b7c6d5e4f3a2b1c0d9e8f",
  doc: "Puts a row of `attention` aside, for everybody who asks for the list. It comes back when there is more of it, and after seven days if its cause is still there.",
  input: z.strictObject({
    need_id: z.string().min(1).max(200).describe("as `attention` shows it"),
    undo: z.boolean().optional().describe("takes it back: the row is listed again"),
  }),
  output: z.object({
    need_id: z.string(),
    listed: z.boolean().describe("after undo"),
    found: z.boolean().describe("false: there is no such row, and nothing was changed"),
  }),
  async run(context, { need_id, undo }) {
    const { sql, now, changed } = context;
    if (!isNeedId(need_id))
      throw new CctError(
        "bad_request",
        `'${need_id.slice(0, 80)}' is not the id of a row.`,
        "Use the need_id of a row: cct attention --json",
      );
    const isAside = (await store.dismissals(sql)).has(need_id);
    const isListed = async (): Promise<boolean> =>
      (await needsFor(context, participantOf(context).peer_id)).some((one) => one.need_id === need_id);
    // The cause of a row may be gone meanwhile.
    const found = isAside || (undo !== true && (await isListed()));
    if (!found) return { need_id, listed: false, found };
    await (undo ? store.deleteDismissal(sql, need_id) : store.putDismissal(sql, need_id, now));
    changed({ what: "attention" });
    return { need_id, listed: undo === true, found };
  },
});
