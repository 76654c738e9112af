/**
 * The human-readable output of each command that is made from an operation. The table is complete by its type: an
 * operation with a `cli` has a view here, or says `"json"`, and a view that reads a renamed field does not compile.
 */
import type { CliName, OperationName, OutputOf } from "../../operations/index.ts";
import { type Screen, toJson } from "../parts/output.ts";
import { addedDevice, devices, renamedDevice, revokedDevice } from "./devices.ts";
import { history, recipients, sent } from "./messages.ts";
import { cost, heldMail, notes, policies, unheld } from "./operator.ts";
import { forgottenPeer, mergedPeers, peers, presenceLine, renamedPeer } from "./peers.ts";
import { poolLine, poolList, poolStatus, poolWithMembers } from "./pools.ts";
import { proposal } from "./proposals.ts";

type View<N extends OperationName> = (output: OutputOf<N>, screen: Screen, now: number) => string;

const views: { [N in CliName]: View<N> | "json" } = {
  add_device: addedDevice,
  archive_pool: ({ pool }) => poolLine(pool),
  cost,
  create_pool: ({ pool }) => poolLine(pool),
  decide_release: proposal,
  forget_peer: forgottenPeer,
  held_messages: heldMail,
  inbound_policy: policies,
  invite_to_pool: poolWithMembers,
  join_pool: poolWithMembers,
  leave_pool: poolWithMembers,
  list_devices: devices,
  list_peers: peers,
  list_pools: poolList,
  merge_peers: mergedPeers,
  message_status: recipients,
  messages: history,
  notes,
  pool_status: poolStatus,
  propose_release: proposal,
  rename_device: renamedDevice,
  rename_peer: renamedPeer,
  resend_message: recipients,
  revoke_device: revokedDevice,
  send_message: sent,
  set_busy: presenceLine,
  set_ready: presenceLine,
  unhold_message: unheld,
  vote_release: proposal,
};

/** Whether an operation is a command. */
export const isCliName = (name: OperationName): name is CliName => Object.hasOwn(views, name);

/** The output of an operation as text for a person. `now`: milliseconds since 1970. */
export function render<N extends CliName>(name: N, output: OutputOf<N>, screen: Screen, now: number): string {
  const view: View<N> | "json" = views[name];
  return view === "json" ? toJson(output) : view(output, screen, now);
}
