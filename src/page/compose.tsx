/** A new message, from anywhere. */
import { signal } from "@preact/signals";
import { Dialog } from "./dialog.tsx";
import { OnDemand, part } from "./on-demand.tsx";

/** To whom; `undefined`: it is closed. */
const to = signal<string | undefined>(undefined);

export function openCompose(address = ""): void {
  to.value = address;
}

const close = (): void => {
  to.value = undefined;
};

const dialog = part("The form", () => import("./compose-dialog.tsx"));

/** Loaded as soon as the first view is drawn, and shown only while it is open, so that each message begins empty. */
export const Compose = () => (
  <OnDemand
    of={dialog}
    lacking={(title, whatToDo) =>
      to.value !== undefined && (
        <Dialog class="compose" label="New message" close={close}>
          <div class="lacking">
            <b>{title}.</b> {whatToDo}
          </div>
        </Dialog>
      )
    }
  >
    {({ ComposeDialog }) => to.value !== undefined && <ComposeDialog first={to.value} close={close} />}
  </OnDemand>
);
