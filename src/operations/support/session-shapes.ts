/** Inputs that a session sends about itself, in `register` and in `heartbeat`. */
import * as z from "zod";
import { messageId } from "./shapes.ts";

const path = z.string().max(4096);
/** Part of what a session says of itself, at registration and at each heartbeat. */
export const held = z
  .array(z.object({ message_id: messageId, attempt: z.int().min(1) }))
  .max(500)
  .describe("claims that the session still holds; their leases are renewed");

export const place = {
  host: z
    .string()
    .min(1)
    .max(255)
    .describe("name of the machine; kept in lower case, and of letters, digits, '.', '_' and '-' only"),
  claude_pid: z.int().min(1).describe("process id of the host"),
  session_id: z.string().max(128).optional().describe("the host's current session id"),
  cwd: path,
  repo: path.optional().describe("git root"),
  branch: z.string().max(255).optional(),
  remote: z.string().max(1024).optional(),
  summary: z.string().max(500).optional(),
  polls: z.boolean().optional().describe("its host can only ask for mail, by a poll"),
};
