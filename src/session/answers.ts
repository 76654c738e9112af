/**
 * The answers of tools as lines, which is what a model reads: a fifth of the same as JSON. Words of peers in them are quoted
 * and on one line. Programs can ask for the structured answer: see `mcp.ts`.
 */
import type { OutputOf, ToolName, ToolOutputOf } from "../operations/index.ts";
import { shortId, shortMessageId } from "../rules/address.ts";
import { grouped } from "../rules/grouped.ts";
import { oneLine, quoted, span } from "../rules/text.ts";
import { limitOf } from "../rules/texts/limits.ts";

/** What an answer depends on besides the output. */
interface About {
  /** Milliseconds since 1970. */
  now: number;
}
type Lines<N extends ToolName> = (output: ToolOutputOf<N>, about: About) => string[];

const answers: { [N in ToolName]: Lines<N> } = {
  list_peers: peers,
  set_summary: ({ name, summary }) => [`You are ${name}: ${quoted(summary)}.`],
  send_message: sent,
  // Messages have a form of their own: `rules/framing.ts`.
  check_messages: ({ warning }) => ["No message waits.", ...(warning === undefined ? [] : [warning])],
  message_status: status,
  search: found,
  list_pools: ({ pools, next }) => [
    ...(pools.length === 0 ? ["There is no pool. cct_create_pool makes one."] : pools.map(pool)),
    ...more(next),
  ],
  create_pool: (output) => [pool(output.pool)],
  join_pool: poolWithMembers,
  invite_to_pool: poolWithMembers,
  leave_pool: ({ pool: { name, state } }) => [
    `You left @${name}${state === "archived" ? ", and it is archived" : ""}.`,
  ],
  pool_status: poolStatus,
  propose_release: proposal,
  vote_release: proposal,
  set_busy: presenceLine,
  // Its model works, whatever the hooks have reported.
  set_ready: (peer, about) =>
    peer.presence === "busy" ? presenceLine(peer, about) : ["You are not busy any more: mail reaches you again."],
  list_services: services,
};

/** The answer of a tool as text. `output`: what this tool has answered; the tables of tools hold that by their types. */
export function answerText(name: ToolName, output: Readonly<Record<string, unknown>>, about: About): string {
  // The one place where a tool's name and its output come together without their types.
  const lines = answers[name] as (output: unknown, about: About) => string[];
  return lines(output, about).join("\n");
}

const more = (next: string | undefined): string[] => (next === undefined ? [] : [`There are more: after ${next}`]);
const called = ({ name, address }: { name: string; address?: string | undefined }): string => oneLine(address ?? name);
const joined = (parts: readonly (string | false | undefined)[]): string => parts.filter(Boolean).join(" · ");
const lastPart = (path: string): string => path.split(/[/\\]/).filter(Boolean).at(-1) ?? path;
const counted = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`;

/** As many recipients as a line names. */
const MAX_NAMED = 12;
const listed = (names: readonly string[]): string =>
  names.length <= MAX_NAMED
    ? names.join(", ")
    : `${names.slice(0, MAX_NAMED).join(", ")} and ${names.length - MAX_NAMED} more`;

/** `queued for api: idle and will be woken · 4ad570c5`. Recipients of whom the same is true share a line. */
function sent({ message_id, recipients, understood, kept }: OutputOf<"send_message">): string[] {
  const id = shortMessageId(message_id);
  if (kept !== undefined) return [`${oneLine(kept, 1000)} · ${id}`];
  const lines = [...grouped(recipients, ({ state, note = "" }) => `${state} ${note}`).values()].map((alike) => {
    const [{ state = "", note = "" } = {}] = alike;
    return `${state} for ${listed(alike.map(called))}${note && `: ${oneLine(note, 500)}`}`;
  });
  if (understood !== undefined) lines.push(understood);
  return [...lines.slice(0, -1), `${lines.at(-1) ?? "sent"} · ${id}`];
}

function status(
  { message_id, from_name, to, sent_at, recipients }: OutputOf<"message_status">,
  { now }: About,
): string[] {
  const head = `${shortMessageId(message_id)} from ${oneLine(from_name)} to ${oneLine(to)}, ${span(now - sent_at)} ago`;
  const all = recipients.map((one) => {
    const at = one.read_at ?? one.delivered_at;
    const when = at === null ? "" : ` ${span(now - at)} ago`;
    const why = one.reason === undefined ? "" : ` (${oneLine(one.reason)})`;
    return { who: called(one), state: `${one.state}${when}${why}${one.redelivered ? ", redelivered" : ""}` };
  });
  const [only, ...others] = all;
  if (only && others.length === 0) return [`${head}: ${only.state}`];
  return [
    head,
    ...[...grouped(all, ({ state }) => state)].map(
      ([state, alike]) => `${state}: ${listed(alike.map(({ who }) => who))}`,
    ),
  ];
}

function found({ messages, notice, next, indexed_since }: ToolOutputOf<"search">, { now }: About): string[] {
  const ids = messages.map((one) => one.message_id);
  const lines = messages.map((one) => {
    const from = called({ name: one.from_name, address: one.from_address });
    const id = shortMessageId(one.message_id, ids);
    return `${id} ${from} to ${oneLine(one.to_name ?? one.to)}, ${span(now - one.sent_at)} ago: ${quoted(one.snippet, 300)}`;
  });
  return [
    ...(lines.length > 0 ? [notice, ...lines] : ["Nothing was found."]),
    ...(next === undefined ? [] : [`There may be more: before ${next}`]),
    ...(indexed_since === undefined ? [] : [`Older than ${span(now - indexed_since)}: not searched yet.`]),
  ];
}

/** A line for each peer that is there; of the others their number, unless they were asked for. */
function peers({ peers, away = 0, next }: OutputOf<"list_peers">, { now }: About): string[] {
  return [
    ...peers.map((one) => peerLine(one, now)),
    ...(peers.every((one) => one.you) ? ["No other session is listed."] : []),
    ...(away > 0 ? [`${away} away (all: true lists them)`] : []),
    ...more(next),
  ];
}

/** Why mail does not arrive by itself. */
const trouble = { live: "", quiet: ", no hooks", unwritable: ", cannot write mail", unserved: ", no session server" };

function peerLine(peer: OutputOf<"list_peers">["peers"][number], now: number): string {
  const state =
    peer.presence === "offline"
      ? `away ${span(now - peer.last_seen)}`
      : presence(peer, now) + (limitOf(peer) ?? trouble[peer.hooks ?? "live"]);
  // Not beside the name: what stands there is an address.
  const agent = peer.agent === undefined ? "" : `${peer.agent}, `;
  return joined([
    `${peer.you ? "you: " : ""}${called(peer)} (${[shortId(peer.peer_id), peer.alias].filter(Boolean).join(", ")})`,
    `${agent}${state}`,
    oneLine([lastPart(peer.repo ?? peer.cwd), peer.branch ?? ""].filter(Boolean).join(" "), 80),
    peer.pools.map((name) => `@${name}`).join(" "),
    peer.waiting > 0 && `${peer.waiting} waiting`,
    peer.summary !== "" && quoted(peer.summary, 160),
  ]);
}

type Present = Pick<OutputOf<"set_busy">, "presence" | "busy_reason" | "busy_until" | "blocked_on">;

/** `idle`, `busy (the test suite, 6 min left)`, `blocked (Bash)`. */
function presence({ presence, busy_reason, busy_until, blocked_on }: Present, now: number): string {
  if (blocked_on) return `blocked (${blocked_on.tool})`;
  if (presence !== "busy") return presence;
  const left = busy_until === undefined ? "" : busy_until > now ? `, ${span(busy_until - now)} left` : ", overdue";
  return `busy (${quoted(busy_reason ?? "", 80)}${left})`;
}

function presenceLine(peer: OutputOf<"set_busy">, { now }: About): string[] {
  return [`You are ${presence(peer, now)}.`];
}

type Pool = OutputOf<"list_pools">["pools"][number];

const pool = (one: Pool): string =>
  joined([
    `@${one.name}`,
    one.state === "archived" && "archived",
    one.private && "private",
    `${counted(one.size, "member")}${one.lead ? `, lead ${one.lead}` : ""}`,
    one.your_role !== undefined && one.your_role !== "lead" && `you: ${oneLine(one.your_role, 40)}`,
    quoted(one.purpose),
  ]);

function poolWithMembers({ pool: one, members }: OutputOf<"join_pool">, { now }: About): string[] {
  const names = members.map((member) => {
    const about = [member.role, presence(member, now), member.released ? "released" : ""].filter(Boolean).join(", ");
    return `${called(member)} (${oneLine(about, 120)})`;
  });
  return [pool(one), `members: ${names.join(", ")}${one.size > members.length ? " …" : ""}`];
}

function poolStatus(output: ToolOutputOf<"pool_status">, about: About): string[] {
  const messages = output.recent_messages.toReversed().map((message) => {
    const who = called({ name: message.from_name, address: message.from_address });
    return `${who} to ${oneLine(message.to)}, ${span(about.now - message.sent_at)} ago: ${quoted(message.text, 500)}`;
  });
  return [
    ...poolWithMembers(output, about),
    ...output.open_proposals.flatMap((one) => proposal(one, about)),
    ...(messages.length > 0 ? [`last messages. ${output.notice}`, ...messages] : []),
  ];
}

function proposal(one: OutputOf<"propose_release">, { now }: About): string[] {
  const left = one.state === "open" ? `, ${span(one.deadline - now)} left` : "";
  const votes = one.votes.map(({ name, vote }) => `${name} ${vote}`).join(", ");
  const without = one.without_vote.map(({ name, reason }) => `${name} (${oneLine(reason, 60)})`);
  return [
    joined([
      `${one.state}: release ${oneLine(one.subject)} (proposal ${one.proposal_id.slice(0, 8)}${left})`,
      `${oneLine(one.proposer)}: ${quoted(one.reason)}`,
      oneLine(one.outcome, 300),
      votes !== "" && `votes: ${votes}`,
      without.length > 0 && `no vote: ${listed(without)}`,
    ]),
  ];
}

function services({ services: all, next }: OutputOf<"list_services">, { now }: About): string[] {
  if (all.length === 0) return ["No service is registered."];
  const lines = all.map((one) =>
    joined([
      `${oneLine(one.name)} (${one.kind})`,
      `${oneLine(one.url, 300)} on ${oneLine(one.host)}`,
      `${one.health}${one.health_at === null ? "" : `, probed ${span(now - one.health_at)} ago`}`,
      `owner ${oneLine(one.owner_name)}`,
    ]),
  );
  return [...lines, ...more(next)];
}
