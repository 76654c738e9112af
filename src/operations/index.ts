/** The list: everything that CCT can do for a session or a person, over any face. */
import type { z } from "zod";
import { ackMessages, checkMessages, claimMessages } from "./claims.ts";
import { messageStatus, messages, sendMessage } from "./messages.ts";
import { heartbeat, listPeers, register, setSummary, unregister } from "./peers.ts";
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
  registerService,
  renewService,
  unregisterService,
  listServices,
  servicesToRenew,
] as const;

type Declared = (typeof operations)[number];

/** The names of all operations, and for each what goes in and what comes out: what the typed client is made of. */
export type OperationName = Declared["name"];
export type InputOf<N extends OperationName> = z.input<Extract<Declared, { name: N }>["input"]>;
export type OutputOf<N extends OperationName> = z.output<Extract<Declared, { name: N }>["output"]>;
