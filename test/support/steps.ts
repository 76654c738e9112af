/** Counts the steps that SQLite takes, row by row: unlike time, the same on every machine and under any load. */
import { join } from "node:path";
import { openSqlite } from "../../src/store/drivers/sqlite.ts";
import { integer } from "../../src/store/row.ts";
import type { Store } from "../../src/store/store.ts";
import { tempFolder } from "./folders.ts";

/** What SQLite tells of the statements of a connection, if it was built to. */
const COUNTED = "SELECT coalesce(sum(nstep), 0) AS steps FROM sqlite_stmt WHERE sql NOT LIKE '%sqlite_stmt%'";

/** A store whose steps can be counted; `undefined`: this Node's SQLite does not count. */
export async function countableStore(): Promise<Store | undefined> {
  const store = await openSqlite(join(tempFolder(), "cct.db"));
  try {
    await store.read((sql) => sql(COUNTED));
    return store;
  } catch {
    await store.close();
    return undefined;
  }
}

/** The steps that the database takes for some work. */
export async function stepsOf(store: Store, work: () => Promise<unknown>): Promise<number> {
  const count = async (): Promise<number> => {
    const [row] = await store.read((sql) => sql(COUNTED));
    return row ? integer(row, "steps") : 0;
  };
  const before = await count();
  await work();
  return (await count()) - before;
}
