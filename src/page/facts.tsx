/** Names and values, one below the other. */
import type { ComponentChildren } from "preact";

export const Fact = ({ name, mono, children }: { name: string; mono?: boolean; children: ComponentChildren }) => (
  <div>
    <dt>{name}</dt>
    <dd class={mono ? "mono" : ""}>
      <bdi>{children}</bdi>
    </dd>
  </div>
);
