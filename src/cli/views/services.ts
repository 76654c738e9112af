/** Services in the registry. */
import type { OutputOf } from "../../operations/index.ts";
import { oneLine, span } from "../../rules/text.ts";
import { ago, type Screen, type Style } from "../parts/output.ts";
import { table } from "../parts/table.ts";

export type Service = OutputOf<"list_services">["services"][number];

const line = (text: string): string => `${oneLine(text, 2500)}\n`;

/** `kind`: the only one that was asked for. */
export function services(all: readonly Service[], kind: string | undefined, screen: Screen, now: number): string {
  if (all.length === 0 && kind !== undefined)
    return line(`No service of kind ${kind} is registered. All: cct service list`);
  if (all.length === 0) return "No service is registered. Register one with: cct service register <kind> <url>\n";
  const rows = all.map((service) => [
    service.name,
    service.service_id.slice(0, 8),
    service.kind,
    service.owner_name,
    { text: service.health, style: styles[service.health] },
    service.health_at === null ? "" : ago(service.health_at, now),
    service.health === "stale" ? "" : `in ${span(service.expires_at - now)}`,
    service.host,
    service.url,
  ]);
  return table(screen, COLUMNS, rows);
}

const COLUMNS = [
  { heading: "NAME", least: 12, keepBoth: true },
  { heading: "ID", optional: 2 },
  { heading: "KIND", least: 8 },
  { heading: "OWNER", least: 10, keepBoth: true, optional: 1 },
  "HEALTH",
  { heading: "PROBED", optional: 4 },
  { heading: "EXPIRES", optional: 3 },
  { heading: "MACHINE", least: 8, keepBoth: true, optional: 5 },
  { heading: "URL", least: 20 },
];

const styles: Record<Service["health"], Style | undefined> = {
  healthy: "green",
  unhealthy: "red",
  stale: "yellow",
  unknown: undefined,
};

type Registered = Pick<Service, "name" | "health" | "url" | "service_id" | "expires_at">;

export function registered({ name, health, url, service_id, expires_at }: Registered, now: number): string {
  return line(`${name} is registered for ${span(expires_at - now)}, ${health}: ${url} (${service_id.slice(0, 8)})`);
}

export const unregistered = ({ name, url }: Pick<Service, "name" | "url">): string =>
  line(`${name} is no longer registered: ${url}`);
