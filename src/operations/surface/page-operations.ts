/**
 * What a page may call: what it uses, and no more. Nothing here creates a token, an invitation or another login, so that a
 * stolen login cannot make itself another one that stays when it is revoked.
 */
import type { OperationName } from "../index.ts";

export const pageOperations = [
  "archive_pool",
  "attention",
  "conversations",
  "cost",
  "decide_held",
  "decide_release",
  "dismiss_need",
  "inbound_policy",
  "invite_to_pool",
  "list_browsers",
  "list_devices",
  "list_policies",
  "mark_read",
  "message_details",
  "messages",
  "mute_peer",
  "overview",
  "pause_pool",
  "pool_status",
  "presence_history",
  "resend_message",
  "resume_pool",
  "revoke_browser",
  "revoke_device",
  "search",
  "send_message",
  "traffic",
  "unmute_peer",
  "unregister_service",
] as const satisfies OperationName[];

export type PageOperation = (typeof pageOperations)[number];
