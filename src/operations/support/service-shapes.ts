/** The shape of services in answers. */
import * as z from "zod";
import { expiresAt, isStale, shownHealths } from "../../rules/services.ts";
import type { OwnedService } from "../../store/services.ts";
import { time } from "./shapes.ts";

export const serviceShape = z.object({
  service_id: z.string(),
  kind: z.string(),
  name: z.string(),
  url: z.string(),
  host: z.string().describe("the machine where it was registered: what localhost in the url means"),
  owner: z.string().describe("peer_id, or 'operator' for a person"),
  owner_name: z.string(),
  health: z.enum(shownHealths).describe("stale: not renewed in time"),
  health_at: time.nullable().describe("time of the last probe"),
  registered_at: time,
  expires_at: time.describe("when it becomes stale unless it is renewed"),
});

export function toServiceShape(service: OwnedService, now: number): z.input<typeof serviceShape> {
  return {
    service_id: service.service_id,
    kind: service.kind,
    name: service.name,
    url: service.url,
    host: service.host,
    owner: service.owner,
    owner_name: service.owner_name,
    health: isStale(service, now) ? "stale" : service.health,
    health_at: service.health_at,
    registered_at: service.registered_at,
    expires_at: expiresAt(service),
  };
}
