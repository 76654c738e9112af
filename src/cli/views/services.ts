/** Services in the registry. */
import type { OutputOf } from "../../operations/index.ts";
import { oneLine, span } from "../../rules/text.ts";
import { type Screen, table } from "../parts/output.ts";

export type Service = OutputOf<"list_services">["services"][number];

const line = (text: string): string => `${oneLine(text, 2500)}\n`;

/** `kind`: the only one that was asked for. */
export function services(all: readonly Service[], kind: string | undefined, screen: Screen, now: number): string {
  if (all.length === 0 && kind !== undefined)
    return line(`No service of kind ${kind} is registered. All: cct service list`);
  if (all.length === 0) return "No service is registered. Register one with: cct service register <kind> <url>\n";
  const rows = all.map((service) => [
    service.service_id.slice(0, 8),
    service.name,
    service.kind,
    service.owner_name,
    service.health,
    service.health_at === null ? "" : `${span(now - service.health_at)} ago`,
    service.health === "stale" ? "" : `in ${span(service.expires_at - now)}`,
    service.host,
    service.url,
  ]);
  return table(screen, ["ID", "NAME", "KIND", "OWNER", "HEALTH", "PROBED", "EXPIRES", "MACHINE", "URL"], rows);
}

type Registered = Pick<Service, "name" | "health" | "url" | "service_id" | "expires_at">;

export function registered({ name, health, url, service_id, expires_at }: Registered, now: number): string {
  return line(`${name} is registered for ${span(expires_at - now)}, ${health}: ${url} (${service_id.slice(0, 8)})`);
}

export const unregistered = ({ name, url }: Pick<Service, "name" | "url">): string =>
  line(`${name} is no longer registered: ${url}`);
