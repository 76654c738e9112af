/** The list: everything that CCT can do for a session or a person, over any face. */
import type { z } from "zod";
import { setBusy, setReady } from "./busy.ts";
import { ackMessages, checkMessages, claimMessages } from "./claims.ts";
import { cost } from "./cost.ts";
import { addDevice, inviteDevice, joinDevice, listDevices, renameDevice, revokeDevice } from "./devices.ts";
import { messageStatus, messages } from "./history.ts";
import { resendMessage, sendMessage } from "./messages.ts";
import { notes } from "./notes.ts";
import { heartbeat, listPeers, setSummary, unregister } from "./peers.ts";
import { heldMessages, inboundPolicy, unholdMessage } from "./policies.ts";
import { poolStatus } from "./pool-status.ts";
import { archivePool, createPool, inviteToPool, joinPool, leavePool, listPools } from "./pools.ts";
import { register } from "./register.ts";
import { decideRelease, proposeRelease, voteRelease } from "./release.ts";
import { listServices, registerService, renewService, servicesToRenew, unregisterService } from "./services.ts";

export const operations = [
  register,
  heartbeat,
  unregister,
  listPeers,
  setSummary,
  sendMessage,
  claimMessages,
  ackMessages,
  checkMessages,
  messageStatus,
  messages,
  resendMessage,
  inboundPolicy,
  heldMessages,
  unholdMessage,
  notes,
  cost,
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
] as const;

type Declared = (typeof operations)[number];

/** The names of all operations, and for each what goes in and what comes out: what the typed client is made of. */
export type OperationName = Declared["name"];
export type InputOf<N extends OperationName> = z.input<Extract<Declared, { name: N }>["input"]>;
export type OutputOf<N extends OperationName> = z.output<Extract<Declared, { name: N }>["output"]>;
