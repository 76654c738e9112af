/**
 * The human-readable output of each command that is made from an operation. The table is complete by its type: an
 * operation with a `cli` has a view here, or says `"json"`, and a view that reads a renamed field does not compile.
 */
import type { CliName, OperationName, OutputOf } from "../../operations/index.ts";
import { type Screen, toJson } from "../parts/output.ts";
import { attention, dismissed } from "./attention.ts";
import { browsers, revokedBrowsers } from "./browsers.ts";
import { conversations } from "./conversations.ts";
import { addedDevice, devices, renamedDevice, revokedDevice } from "./devices.ts";
import { inbox } from "./inbox.ts";
import { found, history, recipients, sent } from "./messages.ts";
import { decided, muted, paused, resumed, unmuted } from "./mutes.ts";
import { cost, heldMail, notes, policies, policyList, unheld } from "./operator.ts";
import { overview } from "./overview.ts";
import { forgottenPeer, mergedPeers, peers, presenceLine, renamedPeer } from "./peers.ts";
import { poolLine, poolList, poolStatus, poolWithMembers } from "./pools.ts";
import { proposal } from "./proposals.ts";
import { presenceHistory, traffic } from "./traffic.ts";

type View<N extends OperationName> = (output: OutputOf<N>, screen: Screen, now: number) => string;

const views: { [N in CliName]: View<N> | "json" } = {
  add_device: addedDevice,
  archive_pool: ({ pool }, screen) => poolLine(pool, screen),
  attention,
  conversations,
  cost,
  create_pool: ({ pool }, screen) => poolLine(pool, screen),
  decide_held: decided,
  decide_release: proposal,
  dismiss_need: dismissed,
  forget_peer: forgottenPeer,
  held_messages: heldMail,
  inbox,
  inbound_policy: policies,
  invite_to_pool: poolWithMembers,
  join_pool: poolWithMembers,
  leave_pool: poolWithMembers,
  list_browsers: browsers,
  list_devices: devices,
  list_peers: peers,
  list_policies: policyList,
  list_pools: poolList,
  merge_peers: mergedPeers,
  message_status: recipients,
  messages: history,
  mute_peer: muted,
  notes,
  overview,
  pause_pool: paused,
  pool_status: poolStatus,
  presence_history: presenceHistory,
  propose_release: proposal,
  rename_device: renamedDevice,
  rename_peer: renamedPeer,
  resend_message: recipients,
  revoke_browser: revokedBrowsers,
  resume_pool: resumed,
  revoke_device: revokedDevice,
  search: found,
  send_message: sent,
  set_busy: presenceLine,
  set_ready: presenceLine,
  traffic,
  unhold_message: unheld,
  unmute_peer: unmuted,
  vote_release: proposal,
};

/** Whether an operation is a command. */
export const isCliName = (name: OperationName): name is CliName => Object.hasOwn(views, name);

/** The output of an operation as text for a person. `now`: milliseconds since 1970. */
export function render<N extends CliName>(name: N, output: OutputOf<N>, screen: Screen, now: number): string {
  const view: View<N> | "json" = views[name];
  return view === "json" ? toJson(output) : view(output, screen, now);
}
