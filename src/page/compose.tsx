/** A new message, from anywhere. */
import { signal } from "@preact/signals";
import { lazy, Suspense } from "preact/compat";

/** To whom; `undefined`: it is closed. */
const to = signal<string | undefined>(undefined);

export function openCompose(address = ""): void {
  to.value = address;
}

const close = (): void => {
  to.value = undefined;
};

/** Loaded as soon as the first view is drawn, so that it is there when it is opened. */
export const loadCompose = () => import("./compose-dialog.tsx");
const ComposeDialog = lazy(() => loadCompose().then(({ ComposeDialog: component }) => ({ default: component })));

/** Only while it is open, so that each message begins empty. */
export const Compose = () =>
  to.value === undefined ? null : (
    <Suspense fallback={null}>
      <ComposeDialog first={to.value} close={close} />
    </Suspense>
  );
