/** Which message the composer answers. */
import { signal } from "@preact/signals";
import type { MessageRow } from "./types.ts";

export const answered = signal<MessageRow | undefined>(undefined);

export const composer = (): HTMLTextAreaElement | null => document.querySelector(".composer textarea");

export function replyTo(message: MessageRow): void {
  answered.value = message;
  // The composer may only now come into the document.
  setTimeout(() => composer()?.focus());
}
