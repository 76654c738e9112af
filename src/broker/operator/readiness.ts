/** Readiness check: the database answers, takes writes, has the right schema, and hints of other brokers arrive. */
import { type CctError, errorLine } from "../../platform/errors.ts";
import { checkSchema } from "../../store/migrate.ts";
import { requireNoUnfinishedMove } from "../../store/moves.ts";
import type { Store } from "../../store/store.ts";
import type { SharedHints } from "../cluster/hints.ts";

export interface Readiness {
  ready: boolean;
  /** Why not. For the operator, never for clients without a token. */
  reasons: string[];
}

/** A result is reused for this long, so that frequent checks do not load the database. */
const CACHE_MS = 1_000;
/** A database that takes longer counts as down. */
const TIMEOUT_MS = 2_000;

interface Checked {
  store: Store;
  /** The schema version of this program. A later one is fine too, unless it breaks older programs. */
  schema: number;
  /** The brokers that share the database; `undefined` with SQLite. */
  others: Pick<SharedHints, "isLive"> | undefined;
  /** The fault of the database, while no write works. */
  fault(): CctError | undefined;
  isClosing(): boolean;
  steady(): number;
}

/** Returns the check. However many callers there are, at most one query runs at a time. */
export function createReadiness(
  { store, schema, others, fault, isClosing, steady }: Checked,
  timeoutMs = TIMEOUT_MS,
): () => Promise<Readiness> {
  let query: Promise<string[]> | undefined;
  let last: { at: number; reasons: string[] } | undefined;

  async function queryDatabase(): Promise<string[]> {
    try {
      const found = await store.read(async (sql) => {
        const found = await checkSchema(sql, schema);
        // Data is being moved into this database, so it is incomplete: clients must stay away.
        if (found >= schema) await requireNoUnfinishedMove(sql);
        return found;
      });
      return found < schema ? [`The database has schema ${found}, and this broker needs ${schema}.`] : [];
    } catch (error) {
      return [errorLine(error)];
    }
  }

  /** The result of the running query, or a timeout. The query goes on after it: another one would only wait behind it. */
  function databaseReasons(): Promise<string[]> {
    query ??= queryDatabase().finally(() => {
      query = undefined;
    });
    return new Promise((resolve) => {
      const timedOut = [`The database has not answered within ${timeoutMs / 1000} s.`];
      const timer = setTimeout(() => resolve(timedOut), timeoutMs);
      void query?.then((reasons) => {
        clearTimeout(timer);
        resolve(reasons);
      });
    });
  }

  return async () => {
    if (!last || steady() - last.at >= CACHE_MS) last = { reasons: await databaseReasons(), at: steady() };
    const failing = fault()?.line;
    const reasons = [
      ...(failing === undefined || last.reasons.includes(failing) ? [] : [failing]),
      ...last.reasons,
      ...(others?.isLive() === false ? ["Hints of the other brokers do not arrive."] : []),
      ...(isClosing() ? ["The broker is shutting down."] : []),
    ];
    return { ready: reasons.length === 0, reasons };
  };
}
