/** Inputs that a session sends about itself, in `register` and in `heartbeat`. */
import * as z from "zod";
import { CctError } from "../../platform/errors.ts";
import { AGENT } from "../../rules/agents.ts";
import { type Blocked, MAX_WHAT, TOOL_NAME } from "../../rules/blocked-on.ts";
import { oneLine } from "../../rules/text.ts";
import { messageId } from "./shapes.ts";

const path = z.string().max(4096);
export const heldClaims = z
  .array(z.object({ message_id: messageId, attempt: z.int().min(1) }))
  .max(500)
  .describe("claims that the session still has; their leases are renewed");

/** The process id of the host. The second field is what session servers send that started before its name changed. */
export const hostPid = {
  host_pid: z.int().min(1).optional().describe("required: process id of the agent program, whose session this is"),
  claude_pid: z.int().min(1).optional().describe("former name of host_pid; still accepted"),
};

/** Throws `bad_request` if it is missing. */
export function hostPidOf({ host_pid, claude_pid }: { [Field in keyof typeof hostPid]?: number | undefined }): number {
  const pid = host_pid ?? claude_pid;
  if (pid === undefined)
    throw new CctError("bad_request", "host_pid is required.", "It is the process id of the host.");
  return pid;
}

export const sessionFields = {
  host: z
    .string()
    .min(1)
    .max(255)
    .describe("name of the machine; stored in lower case, with only letters, digits, '.', '_' and '-'"),
  session_id: z.string().max(128).optional().describe("the host's current session id"),
  cwd: path,
  repo: path.nullable().optional().describe("git root; null: none"),
  branch: z.string().max(255).nullable().optional().describe("null: none"),
  remote: z.string().max(1024).nullable().optional().describe("null: none"),
  summary: z.string().max(500).optional().describe("made from its repository; its own words go before it"),
  wakes: z
    .boolean()
    .optional()
    .describe("false: mail cannot wake it when it is idle (print mode, SDK, an old host); default true"),
  midturn: z
    .boolean()
    .optional()
    .describe("false: mail cannot reach its model while it works, only after its turn; default true"),
  agent: z
    .string()
    .regex(AGENT, "must be 1 to 32 letters, digits, '.', '_' or '-'")
    .optional()
    .describe("name of the agent program, such as codex; stored in lower case; default claude"),
  server_pid: z.int().min(1).optional().describe("process id of the session server"),
  alias: z.string().max(200).optional().describe("what the host calls the session in its own messaging"),
  polls: z.boolean().optional().describe("its host cannot be woken: the model polls for mail"),
};

export const blockedOn = z
  .object({
    tool: z.string().regex(TOOL_NAME, "must be the name of a tool"),
    what: z.string().max(MAX_WHAT).optional(),
  })
  .optional()
  .describe("with the presence blocked: what it asks its user's permission for; absent: not known");

/** As it is stored. */
export const blockedColumns = (asks: z.output<typeof blockedOn>): Blocked => ({
  blocked_tool: asks?.tool ?? null,
  blocked_what: asks?.what === undefined ? null : oneLine(asks.what, MAX_WHAT),
});

export const streamReports = z
  .array(
    z.object({
      id: z.string().max(64),
      received: z.int().min(0).describe("number of the last answer that came"),
      open: z.boolean().describe("false: nothing of it is read any more; what was claimed for it since is queued"),
      recall: z
        .boolean()
        .optional()
        .describe("what was claimed for it since is queued, and will be ignored if it comes"),
    }),
  )
  .max(20)
  .optional()
  .describe("what the session knows of its event streams");
