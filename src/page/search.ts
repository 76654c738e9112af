/** What was said with these words in it, asked of the broker while one types. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { InputOf, OutputOf } from "../operations/index.ts";
import { talkOf } from "../rules/talk/key.ts";
import { queryFrom } from "./query.ts";
import { go } from "./route.ts";
import { call, problemOf, Refusal } from "./source.ts";
import { say } from "./toast.tsx";
import { timeNow } from "./world.ts";

export type Found = OutputOf<"search">["messages"][number];

interface Answer {
  messages: readonly Found[];
  isLooking: boolean;
  problem: string;
}

const NOTHING: Answer = { messages: [], isLooking: false, problem: "" };
const TYPING_MS = 200;
export function useFound(text: string): Answer {
  const found = useSignal(NOTHING);
  useEffect(() => {
    const query = queryFrom(text, timeNow());
    if (!query || "problem" in query) {
      found.value = { ...NOTHING, ...query };
      return;
    }
    let isWanted = true;
    found.value = { ...found.peek(), isLooking: true };
    const timer = setTimeout(async () => {
      const answer = await look(query.input);
      if (isWanted) found.value = answer;
    }, TYPING_MS);
    return () => {
      isWanted = false;
      clearTimeout(timer);
    };
  }, [text, found]);
  return found.value;
}

async function look(query: InputOf<"search">): Promise<Answer> {
  try {
    const { messages } = await call("search", query);
    return { ...NOTHING, messages };
  } catch (error) {
    return { ...NOTHING, problem: error instanceof Refusal ? error.message : "The search failed." };
  }
}

/** Leads to a message in its conversation. */
export async function goToMessage(message_id: string): Promise<void> {
  try {
    const message = await call("message_details", { message_id });
    go("talk", talkOf(message), message_id);
  } catch (error) {
    say(problemOf(error));
  }
}
