/** Expiry of services: removes those that nobody renewed. */
import { isRemovable } from "../../rules/services.ts";
import { deleteService, goneServices } from "../../store/services.ts";
import type { Sql } from "../../store/store.ts";

export async function removeGoneServices(sql: Sql, now: number): Promise<void> {
  for (const service of await goneServices(sql, now))
    if (isRemovable(service, now)) await deleteService(sql, service.service_id);
}
