/** The list: everything that CCT can do for a session or a person, over any face. */
import type { z } from "zod";
import { attention, dismissNeed } from "./attention.ts";
import { listBrowsers, openPage, revokeBrowser } from "./browsers.ts";
import { setBusy, setReady } from "./busy.ts";
import { ackMessages, checkMessages, claimMessages } from "./claims.ts";
import { conversations, messageDetails } from "./conversations.ts";
import { cost } from "./cost.ts";
import { addDevice, inviteDevice, joinDevice, listDevices, renameDevice, revokeDevice } from "./devices.ts";
import { messageStatus, messages } from "./history.ts";
import { importMessages } from "./import.ts";
import { inbox, markRead } from "./inbox.ts";
import { sendMessage } from "./messages.ts";
import { decideHeld, mutePeer, pausePool, resumePool, unmutePeer } from "./mutes.ts";
import { notes } from "./notes.ts";
import { notifyStatus, notifyTest } from "./notifications.ts";
import { overview } from "./overview.ts";
import { forgetPeer, mergePeers, renamePeer } from "./peer-upkeep.ts";
import { heartbeat, listPeers, setSummary, unregister } from "./peers.ts";
import { heldMessages, inboundPolicy, listPolicies, unholdMessage } from "./policies.ts";
import { poolStatus } from "./pool-status.ts";
import { archivePool, createPool, inviteToPool, joinPool, leavePool, listPools } from "./pools.ts";
import { presenceHistory } from "./presence-history.ts";
import { purgeMessages } from "./purge.ts";
import { register } from "./register.ts";
import { decideRelease, proposeRelease, voteRelease } from "./release.ts";
import { rereadMessage } from "./reread.ts";
import { resendMessage } from "./resend.ts";
import { search } from "./search.ts";
import { listServices, registerService, renewService, servicesToRenew, unregisterService } from "./services.ts";
import { traffic } from "./traffic.ts";

export const operations = [
  register,
  heartbeat,
  unregister,
  listPeers,
  setSummary,
  renamePeer,
  mergePeers,
  forgetPeer,
  sendMessage,
  claimMessages,
  ackMessages,
  checkMessages,
  messageStatus,
  messages,
  search,
  importMessages,
  purgeMessages,
  resendMessage,
  rereadMessage,
  inbox,
  markRead,
  inboundPolicy,
  listPolicies,
  heldMessages,
  unholdMessage,
  decideHeld,
  mutePeer,
  unmutePeer,
  pausePool,
  resumePool,
  notes,
  overview,
  attention,
  dismissNeed,
  notifyStatus,
  notifyTest,
  conversations,
  messageDetails,
  presenceHistory,
  cost,
  traffic,
  listPools,
  createPool,
  joinPool,
  inviteToPool,
  leavePool,
  archivePool,
  poolStatus,
  proposeRelease,
  voteRelease,
  decideRelease,
  setBusy,
  setReady,
  registerService,
  renewService,
  unregisterService,
  listServices,
  servicesToRenew,
  inviteDevice,
  joinDevice,
  addDevice,
  listDevices,
  revokeDevice,
  renameDevice,
  openPage,
  listBrowsers,
  revokeBrowser,
] as const;

type Declared = (typeof operations)[number];

/** The names of all operations, and the types of each: the typed client, the CLI's views and the tools are checked against them. */
export type OperationName = Declared["name"];
type Declaration<N extends OperationName> = Extract<Declared, { name: N }>;
export type InputOf<N extends OperationName> = z.input<Declaration<N>["input"]>;
export type OutputOf<N extends OperationName> = z.output<Declaration<N>["output"]>;

/** Operations that are CLI commands. */
export type CliName = NamesWith<"cli">;
/** Operations that are tools. */
export type ToolName = NamesWith<"tool">;
type NamesWith<Part extends "cli" | "tool"> = {
  [N in OperationName]: [NonNullable<Declaration<N>[Part]>] extends [never] ? never : N;
}[OperationName];

/** Tools whose declaration adds fields to the operation's output. */
export type ExtendedToolName = {
  [N in ToolName]: NonNullable<Declaration<N>["tool"]> extends { adds: z.ZodRawShape } ? N : never;
}[ToolName];

/** The fields of a tool's input that the session server itself takes. */
export type TakenBy<N extends ToolName> =
  NonNullable<Declaration<N>["tool"]> extends { takes: infer Shape } ? keyof Shape : never;

/** What a tool answers: the operation's output, and what its declaration adds. */
export type ToolOutputOf<N extends ToolName> = OutputOf<N> & AddedBy<NonNullable<Declaration<N>["tool"]>>;
type AddedBy<Tool> = Tool extends { adds: infer Shape extends z.ZodRawShape }
  ? z.output<z.ZodObject<{ -readonly [K in keyof Shape]: Shape[K] }>>
  : unknown;

/** The codes that an operation's declaration names. */
export type ErrorOf<N extends OperationName> = NonNullable<Declaration<N>["errors"]>[number];
