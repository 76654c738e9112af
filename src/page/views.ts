/** The views in the order of the rail. A view is listed once it is there. */
import type { IconName } from "./icons.ts";
import type { View } from "./route.ts";
import { isLimited } from "./state.ts";

interface Listed {
  name: View;
  text: string;
  icon: IconName;
}

const all: readonly Listed[] = [
  { name: "now", text: "Now", icon: "inbox" },
  { name: "talk", text: "Talk", icon: "talk" },
  { name: "map", text: "Map", icon: "map" },
  { name: "time", text: "Time", icon: "activity" },
  { name: "cost", text: "Cost", icon: "coins" },
  { name: "broker", text: "Broker", icon: "server" },
];

/** With a token that shows peers and pools only there is one view. */
export const shownViews = (): readonly Listed[] => (isLimited.value ? all.filter(({ name }) => name === "now") : all);
