/** A command to copy. */
import { copy } from "./toast.tsx";
import { Button } from "./ui.tsx";

export const Command = ({ children }: { children: string }) => (
  <div class="cmd">
    <code>{children}</code>
    <Button kind="ghost small" icon="copy" label={`Copy ${children}`} onClick={() => void copy(children)} />
  </div>
);
