/** Inputs that a session sends about itself, in `register` and in `heartbeat`. */
import * as z from "zod";
import { messageId } from "./shapes.ts";

const path = z.string().max(4096);
export const heldClaims = z
  .array(z.object({ message_id: messageId, attempt: z.int().min(1) }))
  .max(500)
  .describe("claims that the session still has; their leases are renewed");

export const sessionFields = {
  host: z
    .string()
    .min(1)
    .max(255)
    .describe("name of the machine; stored in lower case, with only letters, digits, '.', '_' and '-'"),
  claude_pid: z.int().min(1).describe("process id of the host"),
  session_id: z.string().max(128).optional().describe("the host's current session id"),
  cwd: path,
  repo: path.nullable().optional().describe("git root; null: none"),
  branch: z.string().max(255).nullable().optional().describe("null: none"),
  remote: z.string().max(1024).nullable().optional().describe("null: none"),
  summary: z.string().max(500).optional().describe("made from its repository; its own words go before it"),
  wakes: z.boolean().optional().describe("false: mail cannot wake it when it is idle (print mode, SDK); default true"),
  server_pid: z.int().min(1).optional().describe("process id of the session server"),
  polls: z.boolean().optional().describe("its host cannot be woken: the model polls for mail"),
};
