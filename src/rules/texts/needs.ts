/**
 * What a need says in one sentence: the same on the page, in commands and in notifications. Nothing of a message's text is in
 * it; without the need's `detail` also not whether the text asks something.
 */
import { asks, type Need } from "../attention.ts";
import { oneLine } from "../text.ts";
import { waitsFor } from "../waits-for.ts";

/** Of a sentence: words, or a name that a page may show as it shows names. */
export type Part = string | { id?: string | undefined; name: string };

type Named = Pick<Need, "kind" | "name">;
type Optional = Pick<Need, "peer_id" | "other_id" | "other" | "pool" | "count" | "tool" | "detail">;
/** As a need is stored, or as a client gets it. */
type Said = Named & { [K in keyof Optional]?: Optional[K] | undefined };

export function needParts(need: Said): Part[] {
  const { kind, other, count = 1 } = need;
  const who = { id: need.peer_id, name: need.name };
  const from = other === undefined ? undefined : { id: other.startsWith("@") ? undefined : need.other_id, name: other };
  const messages = `${count} message${count === 1 ? "" : "s"}`;
  switch (kind) {
    case "blocked":
      return blocked(who, need.tool);
    case "vote":
      return ["Vote in ", { name: `@${need.pool}` }, ": release ", { name: need.name }, "?"];
    case "question":
      return [who, asks(need.detail ?? "") ? " asks you" : " wrote to you"];
    case "held":
      return from ? [messages, " from ", from, " held for ", who] : [messages, " held for ", who];
    case "dead":
      return [messages, " for ", who, " ended unread"];
    case "guard":
      return from ? [who, " was stopped, writing to ", from] : [who, " was stopped"];
    case "nohook":
      return [who, ` does not take its mail (${count} waiting)`];
    case "service":
      return ["Service ", { name: need.name }, " does not answer"];
  }
}

function blocked(who: Part, asked: string | undefined): Part[] {
  const { words, tool } = waitsFor(asked);
  return tool === undefined ? [who, ` ${words}`] : [who, ` ${words} `, { name: tool }];
}

export const needSentence = (need: Said): string =>
  needParts(need)
    .map((part) => (typeof part === "string" ? part : oneLine(part.name)))
    .join("");

/** Of several needs at once. */
export const manyNeeds = (count: number): string => `${count} things need you`;

/** Of a follower whose broker does not answer. */
export const BROKER_AWAY = "The broker does not answer, or cannot work: mail waits until it is back";
export const BROKER_BACK = "The broker is back";

/** What a test says. */
export const TEST_SENTENCE = "This is a test: notifications of CCT arrive here";
