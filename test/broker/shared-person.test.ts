/** A machine is shut out at the moment at which the first mail for the person there makes the mailbox. */
import { expect, test } from "vitest";
import { mailboxOfPerson } from "../../src/operations/support/people.ts";
import { openPostgres } from "../../src/store/drivers/postgres.ts";
import type { Sql } from "../../src/store/store.ts";
import { openClockwork } from "../support/clockwork.ts";
import { hasPostgres, startPostgres } from "../support/postgres.ts";

test.skipIf(!hasPostgres("revocations at the same time as mail"))(
  "no mailbox stays of a person whose machine is shut out at the same time, and the name is free",
  async () => {
    const url = await (await startPostgres()).database();
    const store = openPostgres({ url, pool: 10, random: Math.random });
    const works = await openClockwork(undefined, await store);
    const { device_id } = await works.call("add_device", { name: "studio" });
    let revoked = false;
    const made = await works.environment.store.tx(async (sql) => {
      /** After everything was read, and before anything is written. */
      const late: Sql = async (text, ...values) => {
        if (!/^SELECT/i.test(text.trim()) && !revoked) {
          revoked = true;
          await works.call("revoke_device", { device: "studio" });
        }
        return sql(text, ...values);
      };
      return mailboxOfPerson(late, device_id, 0);
    }, "snapshot");
    expect({ revoked, made }).toEqual({ revoked: true, made: undefined });
    await works.call("add_device", { name: "studio" });
    const { recipients } = await works.call("send_message", { to: "operator@studio", text: "hello" });
    expect(recipients).toMatchObject([{ name: "operator@studio", state: "queued" }]);
  },
);
