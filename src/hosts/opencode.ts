/** OpenCode. Its plugin (`src/opencode/`) starts a session server for each session, and calls it. Tried versions: `src/host/opencode.ts`. */
import { MAIL_CAME_FIRST } from "../rules/texts/frames.ts";
import { type Host, MAIL, REASON } from "./host.ts";
import { OPENCODE_CLIENT, RING, SHELL_VARIABLE } from "./opencode-words.ts";

/** A session's id. */
const text = (value: unknown): string | undefined =>
  typeof value === "string" && /^[A-Za-z0-9_-]{1,100}$/.test(value) ? value : undefined;

export const opencode = {
  name: "opencode",
  title: "OpenCode",

  // One process has many sessions.
  serverPerConversation: true,
  conversationOf: ({ session }) => text(session),
  shellVariable: SHELL_VARIABLE,
  unattended: { server: [], hooks: [] },
  endsForGood: [],

  // By the names of its plugins' hooks. Our plugin reads the answers.
  events: {
    "chat.message": { role: "UserPromptSubmit", mail: { mail: MAIL } },
    // Before a tool there is no place for text beside its call.
    "tool.execute.before": { role: "PreToolUse", hold: { mail: MAIL, reason: `${MAIL_CAME_FIRST} ${REASON}` } },
    "tool.execute.after": { role: "PostToolUse", mail: { mail: MAIL } },
    "experimental.chat.messages.transform": { role: "PreModelRequest" },
    "permission.asked": { role: "PermissionRequest" },
    "session.idle": { role: "Stop" },
    "session.deleted": { role: "SessionEnd" },
  },
  tools: { own: "cct_", search: "", shell: "bash" },
  hooksTell: () => false,

  // Our plugin can begin a turn. `opencode run` would end in the middle of it.
  wakes: ({ name }) => name === OPENCODE_CLIENT,
  ring(_world, session) {
    // A line of its own beside the answers: our plugin reads it, and any other client ignores it.
    process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", method: RING, params: { session } })}\n`);
    return Promise.resolve(true);
  },

  words: {
    died: "CCT's plugin starts it again with the next prompt.",
  },
} satisfies Host;
