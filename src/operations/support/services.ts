/** Registered services by age: those that are shown, and those that the sweep removes. */
import { isGone } from "../../rules/services.ts";
import { deleteService, listServices, type OwnedService, overdueServices } from "../../store/services.ts";
import type { Sql } from "../../store/store.ts";

/** All but those that only the sweep has not yet removed. */
export async function shownServices(sql: Sql, now: number): Promise<OwnedService[]> {
  return (await listServices(sql)).filter((service) => !isGone(service, now));
}

/** Services that nobody has renewed for so long that they are removed. */
export async function goneServices(sql: Sql, now: number): Promise<OwnedService[]> {
  return (await overdueServices(sql, now)).filter((service) => isGone(service, now));
}

export async function removeGoneServices(sql: Sql, now: number): Promise<void> {
  for (const { service_id } of await goneServices(sql, now)) await deleteService(sql, service_id);
}
