/** Which calls may be made a second time when nobody knows whether the first one arrived. */
import type { OperationName } from "../operations/index.ts";

/** They only look, or say what is so from now on: once or twice is the same. A test compares this with what the operations say of themselves. */
const repeatable: ReadonlySet<string> = new Set<OperationName>([
  "ack_messages",
  "cost",
  "heartbeat",
  "held_messages",
  "inbound_policy",
  "join_pool",
  "list_devices",
  "list_peers",
  "list_pools",
  "list_services",
  "message_status",
  "messages",
  "notes",
  "pool_status",
  "renew_service",
  "services_to_renew",
  "set_busy",
  "set_ready",
  "set_summary",
  "unregister",
  "vote_release",
]);

export function isRepeatable(name: string, input: unknown): boolean {
  // Of messages with one id there is one; without an id each call makes its own.
  if (name === "send_message") return typeof input === "object" && input !== null && "message_id" in input;
  return repeatable.has(name);
}
