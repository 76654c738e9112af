/** What is asked of the broker, in the shapes of the state. */
import type { Client } from "../client/client.ts";
import { merged, type Part } from "../rules/talk/list.ts";
import { fromHistory } from "../rules/talk/row.ts";
import { MOST_TALKS } from "../rules/talk/talks.ts";
import type { Conversation, MessageRow, Overview } from "./words.ts";

const PAGE = 50;

/** With all sessions, however many pages that are. */
export async function readOverview(client: Client): Promise<Overview> {
  const first = await client.call("overview", {});
  const peers = [...first.peers];
  for (let next = first.next; next !== undefined; ) {
    const page: Overview = await client.call("overview", { after: next });
    peers.push(...page.peers);
    next = page.next;
  }
  return { ...first, peers };
}

export async function readTalks(client: Client): Promise<Conversation[]> {
  const { conversations } = await client.call("conversations", { limit: MOST_TALKS });
  return conversations;
}

/** The latest messages of a conversation, or those before a place. */
export async function readPage(client: Client, key: string, before?: number): Promise<Part<MessageRow>> {
  const place = before === undefined ? {} : { before };
  const found = await client.call("messages", { conversation: key, ...place, limit: PAGE, full: true });
  return { list: merged(found.messages.map(fromHistory)), before: found.next };
}
