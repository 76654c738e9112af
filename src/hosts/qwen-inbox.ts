/**
 * A message into the inbox of a Qwen Code session, by its cross-session protocol (frame version 1): an authentication line and a
 * frame to its socket. What became of it comes back to a socket of ours.
 */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Woken } from "./host.ts";

interface Inbox {
  socket: string;
  /** The one that the session gave to the processes that it started. */
  token: string;
  toSessionId: string;
}

const TIMES = {
  /** A receipt comes within milliseconds. Without one the frame is sent again: by its id the session knows it, and says what it said. */
  againMs: 3_000,
  /** A hook's mail comes again after ten seconds, and so does this. */
  receiptMs: 8_500,
};

/** What the session says of a message. Words that are not here change nothing, and a later receipt may. */
const outcomes: Readonly<Record<string, Woken>> = {
  delivered: "queued",
  // Its user reviews it, or its settings turn it away.
  held: "refused",
  denied: "refused",
  refused: "refused",
  dropped: "lost",
  expired: "lost",
  misaddressed: "lost",
};

/** Sends what `take` returns once the inbox listens. */
export async function sendToInbox(
  { socket, token, toSessionId }: Inbox,
  newId: () => string,
  take: () => string | undefined,
  { againMs, receiptMs } = TIMES,
): Promise<Woken> {
  const folder = mkdtempSync(join(tmpdir(), "cct-"));
  const from = join(folder, "receipts");
  const [msgId, replyToken] = [newId(), newId() + newId()];
  const open = new Set<Socket>();
  const timers: NodeJS.Timeout[] = [];
  const receipts = createServer();
  try {
    return await new Promise<Woken>((resolve) => {
      const lost = (): void => resolve("lost");
      receipts.on("connection", (connection) => {
        open.add(connection);
        readLines(connection, (said) => {
          const status = statusOf(said, msgId, replyToken) ?? "";
          const outcome = Object.hasOwn(outcomes, status) ? outcomes[status] : undefined;
          if (outcome !== undefined) resolve(outcome);
        });
      });
      receipts.on("error", lost);

      let lines: string | undefined;
      const linesOf = (content: string | undefined): string | undefined => {
        if (content === undefined) return undefined;
        const frame = {
          ...{ msgV: 1, msgId, type: "user", from, replyToken, fromName: "cct", fromMode: "prompting" },
          ...{ toSessionId, priority: "next", message: { role: "user", content } },
        };
        return `${JSON.stringify({ msgV: 1, type: "auth", token })}\n${JSON.stringify(frame)}\n`;
      };
      const send = (): void => {
        const inbox = connect(socket, () => {
          lines ??= linesOf(take());
          if (lines === undefined) lost();
          inbox.end(lines ?? "");
        });
        open.add(inbox);
        inbox.on("error", () => {
          // Once it was written, a receipt may still come.
          if (lines === undefined) lost();
        });
      };
      receipts.listen(from, () => {
        chmodSync(from, 0o600);
        send();
        for (const ms of [againMs, 2 * againMs]) timers.push(setTimeout(send, ms));
        timers.push(setTimeout(lost, receiptMs));
      });
    });
  } finally {
    for (const timer of timers) clearTimeout(timer);
    for (const one of open) one.destroy();
    receipts.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** More than any receipt has. */
const MAX_RECEIPT = 64 * 1024;

function readLines(connection: Socket, done: (lines: string[]) => void): void {
  let text = "";
  connection.setEncoding("utf8");
  connection.on("error", () => {});
  connection.on("data", (more: string) => {
    text += more;
    if (text.length > MAX_RECEIPT) connection.destroy();
  });
  connection.once("end", () => {
    connection.end();
    done(text.split("\n"));
  });
}

/** What the session says of our message; `undefined` when it is not about that, or somebody else says it. */
function statusOf(lines: readonly string[], msgId: string, token: string): string | undefined {
  const frames = lines.flatMap((line) => {
    try {
      return [Object(JSON.parse(line))];
    } catch {
      return [];
    }
  });
  if (!frames.some((frame) => frame.type === "auth" && frame.token === token)) return undefined;
  const about = frames.find(
    ({ type, action, origMsgId }) => type === "control" && action === "delivery_status" && origMsgId === msgId,
  );
  return typeof about?.status === "string" ? about.status : undefined;
}
