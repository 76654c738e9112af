/** Expiry of services: which are shown, and which the sweep removes. */
import { isRemovable } from "../../rules/services.ts";
import { deleteService, listServices, type OwnedService, overdueServices } from "../../store/services.ts";
import type { Sql } from "../../store/store.ts";

/** All services except those that the sweep is about to remove. */
export async function shownServices(sql: Sql, now: number): Promise<OwnedService[]> {
  return (await listServices(sql)).filter((service) => !isRemovable(service, now));
}

/** Services that were not renewed for so long that they are removed. */
export async function goneServices(sql: Sql, now: number): Promise<OwnedService[]> {
  return (await overdueServices(sql, now)).filter((service) => isRemovable(service, now));
}

export async function removeGoneServices(sql: Sql, now: number): Promise<void> {
  for (const { service_id } of await goneServices(sql, now)) await deleteService(sql, service_id);
}
