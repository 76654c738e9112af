/** Answers of operations as people see them: tables and lines. The broker checked their shapes. */
import { oneLine } from "../../rules/text.ts";
import { clockTime, type Screen, span, table, toJson } from "../parts/output.ts";

export type Fields = Record<string, unknown>;

interface PresenceView {
  presence: string;
  busy_reason?: string;
  busy_until?: number;
}
interface PeerView extends PresenceView {
  peer_id: string;
  name: string;
  host: string;
  cwd: string;
  branch: string | null;
  summary: string;
  last_seen: number;
  pools: string[];
  waiting: number;
}
interface RecipientView {
  name: string;
  address?: string;
  state: string;
  note?: string;
  attempts?: number;
  redelivered?: boolean;
  delivered_at?: number | null;
  read_at?: number | null;
  reason?: string;
}
interface MessageView {
  message_id: string;
  from_name: string;
  from_address?: string;
  to: string;
  text: string;
  urgency: string;
  sent_at: number;
  recipients: RecipientView[];
}

interface HeldView {
  message_id: string;
  from_name: string;
  to: string;
  text: string;
  sent_at: number;
}
interface CostView {
  name: string;
  wakes: number;
  injections: number;
  messages: number;
  tokens: number;
}
interface PoolView {
  pool_id: string;
  name: string;
  purpose: string;
  state: string;
  size: number;
  private?: boolean;
  lead?: string | null;
  your_role?: string;
}
interface MemberView extends PresenceView {
  peer_id: string;
  name: string;
  role: string;
  host: string;
  released: boolean;
}
interface DeviceView {
  device_id: string;
  name: string;
  scope: string;
  last_seen?: number;
  revoked_at?: number;
  peers: number;
}
interface ProposalView {
  proposal_id: string;
  subject: string;
  proposer: string;
  reason: string;
  state: string;
  outcome: string;
  deadline: number;
  votes: { name: string; vote: string }[];
}

/** The answer for a person. The broker checked the shape; an operation without a view of its own is shown as JSON. */
export function render(name: string, output: Fields, screen: Screen, now: number): string {
  switch (name) {
    case "list_peers":
      return peers(output.peers as PeerView[], screen, now);
    case "send_message":
      if (typeof output.kept === "string")
        return `${oneLine(output.kept, 1000)}\nmessage ${String(output.message_id)}\n`;
      return (output.recipients as RecipientView[])
        .map(
          (one) =>
            `${oneLine(`${one.state} for ${one.address ?? one.name}${one.note ? `: ${one.note}` : ""}`, 1000)}\n`,
        )
        .join("")
        .concat(`message ${String(output.message_id)}\n`);
    case "messages":
      return history(output.messages as MessageView[], screen);
    case "message_status":
    case "resend_message":
      return recipients(output.recipients as RecipientView[], screen);
    case "notes":
      return notes(output.notes as { at: number; text: string }[], screen);
    case "cost":
      return cost(output, screen);
    case "held_messages":
      return held(output.held as HeldView[], screen);
    case "unhold_message":
      return `The message goes to ${String(output.released)} mailbox${output.released === 1 ? "" : "es"} now.\n`;
    case "inbound_policy":
      return policies(output, screen);
    case "list_pools":
      return pools(output.pools as PoolView[], screen);
    case "create_pool":
    case "archive_pool":
      return onePool(output.pool as PoolView);
    case "join_pool":
    case "invite_to_pool":
    case "leave_pool":
      return onePool(output.pool as PoolView) + members(output.members as MemberView[], screen, now);
    case "pool_status":
      return poolStatus(output, screen, now);
    case "propose_release":
    case "vote_release":
    case "decide_release":
      return proposal(output as unknown as ProposalView, now);
    case "list_devices":
      return devices(output.devices as DeviceView[], screen, now);
    case "add_device":
      return `${String(output.name)} may ${String(output.scope)}. Its token, shown this once:\n\n  ${String(output.token)}\n`;
    case "revoke_device":
      return `${String(output.name)} is out.\n`;
    case "rename_device":
      return `It is ${String(output.name)} now.\n`;
    case "set_busy":
    case "set_ready":
      return `${oneLine(`${String(output.name)} is ${presence(output as unknown as PresenceView, now)}`, 1000)}.\n`;
    default:
      return toJson(output);
  }
}

function devices(all: DeviceView[], screen: Screen, now: number): string {
  if (all.length === 0) return "No other machine has a token. To let one in: cct lan-start\n";
  const rows = all.map((one) => [
    one.device_id.slice(0, 4),
    one.name,
    one.scope,
    one.revoked_at !== undefined ? `revoked ${span(now - one.revoked_at)} ago` : seen(one.last_seen, now),
    String(one.peers),
  ]);
  return table(screen, ["ID", "NAME", "MAY", "SEEN", "SESSIONS"], rows);
}

const seen = (at: number | undefined, now: number): string => (at === undefined ? "never" : `${span(now - at)} ago`);

function peers(all: PeerView[], screen: Screen, now: number): string {
  if (all.length === 0) return "No peer is registered. Sessions register when Claude Code starts with CCT installed.\n";
  const rows = all.map((peer) => [
    peer.peer_id.slice(0, 4),
    peer.name,
    peer.presence === "offline" ? `offline ${span(now - peer.last_seen)}` : presence(peer, now),
    peer.waiting > 0 ? String(peer.waiting) : "",
    peer.host,
    peer.pools.map((name) => `@${name}`).join(" "),
    peer.branch ?? "",
    peer.cwd,
    peer.summary,
  ]);
  return table(screen, ["ID", "NAME", "PRESENCE", "MAIL", "HOST", "POOLS", "BRANCH", "DIRECTORY", "SUMMARY"], rows);
}

function history(all: MessageView[], screen: Screen): string {
  if (all.length === 0) return "No messages.\n";
  const rows = all.map((m) => [
    clockTime(m.sent_at),
    m.from_address ?? m.from_name,
    m.to,
    m.recipients.map((one) => one.state).join(" "),
    m.message_id,
    m.text,
  ]);
  return table(screen, ["SENT (UTC)", "FROM", "TO", "STATE", "ID", "TEXT"], rows);
}

function recipients(all: RecipientView[], screen: Screen): string {
  const rows = all.map((one) => [
    one.address ?? one.name,
    one.state,
    String(one.attempts ?? 0),
    one.redelivered ? "yes" : "",
    one.delivered_at ? clockTime(one.delivered_at) : "",
    one.read_at ? clockTime(one.read_at) : "",
    one.reason ?? "",
  ]);
  return table(screen, ["TO", "STATE", "ATTEMPTS", "REDELIVERED", "DELIVERED (UTC)", "READ (UTC)", "WHY"], rows);
}

function notes(all: { at: number; text: string }[], screen: Screen): string {
  if (all.length === 0) return "Nothing to note.\n";
  return table(
    screen,
    ["WHEN (UTC)", "NOTE"],
    all.map((one) => [clockTime(one.at), one.text]),
  );
}

function cost(output: Fields, screen: Screen): string {
  const rows = [
    ...(output.peers as CostView[]),
    ...(output.pools as CostView[]).map((pool) => ({ ...pool, name: `@${pool.name}` })),
  ].map((one) => [one.name, String(one.wakes), String(one.injections), String(one.messages), String(one.tokens)]);
  if (rows.length === 0) return "No mail was given to anyone.\n";
  return table(screen, ["PEER OR POOL", "WAKES", "INJECTIONS", "MESSAGES", "TOKENS OF MAIL (ESTIMATE)"], rows);
}

function held(all: HeldView[], screen: Screen): string {
  if (all.length === 0) return "Nothing is held.\n";
  const rows = all.map((one) => [clockTime(one.sent_at), one.from_name, one.to, one.message_id, one.text]);
  return table(screen, ["SENT (UTC)", "FROM", "HELD FOR", "ID", "TEXT"], rows);
}

function policies(output: Fields, screen: Screen): string {
  const rows = (output.policies as { from: string; policy: string }[]).map((one) => [one.policy, one.from]);
  return `${oneLine(String(output.name))}:\n${table(screen, ["POLICY", "FOR MAIL FROM"], rows)}`;
}

/** `idle`, `busy (the test suite, 6 min left)`. */
function presence({ presence, busy_reason, busy_until }: PresenceView, now: number): string {
  if (presence !== "busy") return presence;
  const left = busy_until === undefined ? "" : busy_until > now ? `, ${span(busy_until - now)} left` : ", overdue";
  return `busy (${busy_reason ?? ""}${left})`;
}

function pools(all: PoolView[], screen: Screen): string {
  if (all.length === 0) return "No pools. Create one with: cct pool create <name> <purpose>\n";
  const rows = all.map((pool) => [
    pool.pool_id.slice(0, 4),
    `@${pool.name}`,
    stateOf(pool),
    String(pool.size),
    pool.lead ?? "",
    pool.purpose,
  ]);
  return table(screen, ["ID", "POOL", "STATE", "MEMBERS", "LEAD", "PURPOSE"], rows);
}

const stateOf = (pool: PoolView): string => (pool.private ? `${pool.state}, private` : pool.state);

function onePool(pool: PoolView): string {
  return `${oneLine(`@${pool.name}, ${stateOf(pool)}: ${pool.purpose}`, 600)}\n`;
}

function members(all: MemberView[], screen: Screen, now: number): string {
  if (all.length === 0) return "No members.\n";
  const rows = all.map((one) => [
    one.peer_id.slice(0, 4),
    one.name,
    one.released ? `${one.role}, released` : one.role,
    one.host,
    presence(one, now),
  ]);
  return table(screen, ["ID", "MEMBER", "ROLE", "HOST", "PRESENCE"], rows);
}

function poolStatus(output: Fields, screen: Screen, now: number): string {
  const recent = output.recent_messages as {
    from_name: string;
    from_address?: string;
    text: string;
    sent_at: number;
  }[];
  const rows = recent.toReversed().map((one) => [clockTime(one.sent_at), one.from_address ?? one.from_name, one.text]);
  const open = (output.open_proposals as ProposalView[]).map((one) => proposal(one, now));
  return [
    onePool(output.pool as PoolView),
    members(output.members as MemberView[], screen, now),
    ...open,
    ...(rows.length > 0 ? [table(screen, ["SENT (UTC)", "FROM", "TEXT"], rows)] : []),
  ].join("\n");
}

function proposal(one: ProposalView, now: number): string {
  const left = one.state === "open" ? `, ${span(one.deadline - now)} left` : "";
  const cast = one.votes.map(({ name, vote }) => `${name} ${vote}`).join(", ");
  return [
    `${one.state}: release ${oneLine(one.subject)} (proposal ${one.proposal_id.slice(0, 8)}${left})`,
    `  ${oneLine(`${one.proposer}: ${one.reason}`, 500)}`,
    `  ${oneLine(one.outcome, 500)}`,
    ...(cast ? [`  votes: ${oneLine(cast, 500)}`] : []),
    "",
  ].join("\n");
}
