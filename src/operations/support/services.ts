/** Expiry of services: removes those that nobody renewed. */
import { isRemovable } from "../../rules/services.ts";
import { deleteService, goneServices } from "../../store/services.ts";
import type { TransactionContext } from "../core/transaction.ts";

export async function removeGoneServices({ sql, now, changed }: TransactionContext): Promise<void> {
  for (const service of await goneServices(sql, now)) {
    if (!isRemovable(service, now)) continue;
    await deleteService(sql, service.service_id);
    for (const what of ["services", "attention"] as const) changed({ what });
  }
}
