/** A question before what cannot be taken back. It names the thing, and how many it meets. */
import { signal } from "@preact/signals";
import { Dialog } from "./dialog.tsx";
import { Button } from "./ui.tsx";

interface Question {
  title: string;
  text: string;
  yes: string;
  /** Whether it takes something away. */
  isHarsh?: boolean;
  run: () => Promise<unknown>;
}

const asked = signal<Question | undefined>(undefined);

export function confirmFirst(question: Question): void {
  asked.value = question;
}

/** Before one's own browser is logged out. */
export const confirmOwnLogOut = (run: () => Promise<unknown>): void =>
  confirmFirst({
    title: "Log out this browser, the one that you are using?",
    text: "This page closes at once, in all its tabs, and what you have typed and not sent is lost. To come back you need a new link: cct open.",
    yes: "Log out",
    run,
  });

export function Confirm() {
  const question = asked.value;
  if (!question) return null;
  const close = (): void => {
    asked.value = undefined;
  };
  return (
    <Dialog class="compose confirm" label={question.title} close={close}>
      <h2>{question.title}</h2>
      <p>{question.text}</p>
      <footer>
        <Button onClick={close}>Cancel</Button>
        <Button kind={question.isHarsh === false ? "primary" : "primary danger"} run={() => question.run().then(close)}>
          {question.yes}
        </Button>
      </footer>
    </Dialog>
  );
}
