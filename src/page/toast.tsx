/** What was done, for six seconds, with a way back where there is one. */
import { signal } from "@preact/signals";
import { Refusal } from "./source.ts";
import { Button } from "./ui.tsx";

interface Said {
  text: string;
  undo?: () => Promise<unknown>;
}

const said = signal<Said | undefined>(undefined);

const SHOWN_MS = 6_000;

export function say(text: string, undo?: () => Promise<unknown>): void {
  const mine: Said = { text, undo };
  said.value = mine;
  setTimeout(() => {
    if (said.value === mine) said.value = undefined;
  }, SHOWN_MS);
}

export async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    say("Copied");
  } catch {
    say("The browser does not allow copying here");
  }
}

function takeBack({ undo }: Said): void {
  said.value = undefined;
  undo?.().then(
    () => say("Taken back"),
    (error: unknown) => say(error instanceof Refusal ? `${error.message} ${error.hint}` : "That did not work"),
  );
}

export function Toast() {
  const shown = said.value;
  return (
    <div class="toast-place" role="status" aria-live="polite">
      {shown && (
        <div class="toast">
          <span>{shown.text}</span>
          {shown.undo && (
            <Button kind="link" icon="undo" onClick={() => takeBack(shown)}>
              Undo
            </Button>
          )}
        </div>
      )}
    </div>
  );
}
