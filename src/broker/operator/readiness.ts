/** Whether a broker can do its work: its database answers and has the right schema, and it hears the other brokers. */
import { errorLine } from "../../platform/errors.ts";
import { checkSchema } from "../../store/migrate.ts";
import { checkMoves } from "../../store/moves.ts";
import type { Store } from "../../store/store.ts";
import type { SharedHints } from "../cluster/hints.ts";

export interface Readiness {
  ready: boolean;
  /** Why not, for the operator: never for strangers. */
  reasons: string[];
}

/** An answer holds so long: whoever asks more often makes no work for the database. */
const FRESH_MS = 1_000;
/** A database that has not answered by then counts as one that does not. */
const PATIENCE_MS = 2_000;

interface Looked {
  store: Store;
  /** The schema that this program knows. A later one is right too, unless it breaks older programs. */
  schema: number;
  /** The brokers that share its database; `undefined`: it is alone. */
  others: Pick<SharedHints, "isLive"> | undefined;
  closing(): boolean;
  now(): number;
}

/** Answers with a function that tells whether the broker is ready. However many ask, at most one look is on its way. */
export function readiness(
  { store, schema, others, closing, now }: Looked,
  patienceMs = PATIENCE_MS,
): () => Promise<Readiness> {
  let looking: Promise<string[]> | undefined;
  let last: { at: number; reasons: string[] } | undefined;

  async function look(): Promise<string[]> {
    try {
      const found = await store.look(async (sql) => {
        const found = await checkSchema(sql, schema);
        // A move into a database whose brokers still ran: it will find out, but nobody shall come here meanwhile.
        if (found >= schema) await checkMoves(sql);
        return found;
      });
      return found < schema ? [`The database has schema ${found}, and this broker needs ${schema}.`] : [];
    } catch (error) {
      return [errorLine(error)];
    }
  }

  /** What the look on its way finds, or that it takes too long. It goes on all the same: a second one would only wait behind it. */
  function looked(): Promise<string[]> {
    looking ??= look().finally(() => {
      looking = undefined;
    });
    return new Promise((resolve) => {
      const late = [`The database has not answered within ${patienceMs / 1000} s.`];
      const timer = setTimeout(() => resolve(late), patienceMs);
      void looking?.then((reasons) => {
        clearTimeout(timer);
        resolve(reasons);
      });
    });
  }

  return async () => {
    if (!last || now() - last.at >= FRESH_MS) last = { reasons: await looked(), at: now() };
    const reasons = [
      ...last.reasons,
      ...(others?.isLive() === false ? ["It does not hear the other brokers."] : []),
      ...(closing() ? ["It is shutting down."] : []),
    ];
    return { ready: reasons.length === 0, reasons };
  };
}
