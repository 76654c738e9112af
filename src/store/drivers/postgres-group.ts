/**
 * Group commit for PostgreSQL: units of work that only read and then insert rows share a transaction, like those of SQLite.
 * They run at the same time, so their reads share round trips; the rows of all are sent with one COMMIT.
 *
 * A group is equivalent to as many concurrent transactions with one snapshot: nobody sees the rows of another, because all
 * have read before the first row is sent, and inserts do not overwrite each other nor read what another fills. When an
 * insert finds its row there already, the group is rolled back and its members run one by one. A member that does anything else runs on its own
 * from the start.
 */
import { CctError } from "../../platform/errors.ts";
import type { Sql, Value } from "../store.ts";
import { tooBusy } from "./postgres-errors.ts";
import { type Insert, insertOf, isWrite } from "./postgres-queries.ts";

/** Bounds by how much senders together may exceed a limit that each of them has read. */
const MAX_GROUP = 16;
/** Groups at the same time: the broker works for one while the database works for another. */
const MAX_GROUPS = 2;
/** Work beyond this queue length fails at once. */
const MAX_WAITING = 2_000;

type Work<T> = (sql: Sql) => Promise<T>;

interface Member {
  work: Work<unknown>;
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

/**
 * Returns a function that runs work in a group with what else waits: at once while few groups run. `run` runs work on its own,
 * with retries.
 */
export function groupCommit(run: <T>(work: Work<T>) => Promise<T>): <T>(work: Work<T>) => Promise<T> {
  let waiting: Member[] = [];
  let groups = 0;

  async function runGroups(): Promise<void> {
    groups++;
    while (waiting.length > 0) {
      // Work of this turn of the event loop joins.
      await new Promise((resolve) => setImmediate(resolve));
      const members = waiting.slice(0, MAX_GROUP);
      waiting = waiting.slice(MAX_GROUP);
      const [member] = members;
      // Another group took all that waited.
      if (!member) break;
      await (members.length === 1 ? runAlone(member) : runGroup(members));
    }
    groups--;
  }

  async function runGroup(members: readonly Member[]): Promise<void> {
    const ends: (End | undefined)[] = [];
    try {
      await run((sql) => runTogether(sql, members, ends));
    } catch (error) {
      // The database is away, or the outcome of COMMIT is unknown: that is so for each of them.
      if (error instanceof CctError) for (const member of members) member.reject(error);
      else await Promise.all(members.map(runAlone));
      return;
    }
    await Promise.all(members.map((member, i) => (ends[i] ?? runAlone)(member)));
  }

  /** Runs the members in the transaction of `sql`, and sends the rows of those that succeeded. */
  async function runTogether(sql: Sql, members: readonly Member[], ends: (End | undefined)[]): Promise<void> {
    const inserts = await Promise.all(
      members.map(async (member, i) => {
        const { end, rows } = await runMember(sql, member);
        ends[i] = end;
        return rows;
      }),
    );
    const filled = new Set(inserts.flat().map(({ into }) => into));
    for (const [i, rows] of inserts.entries()) {
      // It would read what others have just inserted.
      if (rows.some(({ reads }) => reads.some((table) => filled.has(table)))) ends[i] = undefined;
      else for (const { text, values } of rows) await sql(text, ...values);
    }
  }

  async function runAlone({ work, resolve, reject }: Member): Promise<void> {
    await run(work).then(resolve, reject);
  }

  return <T>(work: Work<T>) =>
    new Promise<T>((resolve, reject) => {
      if (waiting.length >= MAX_WAITING) throw tooBusy();
      waiting.push({ work, resolve: resolve as Member["resolve"], reject });
      if (groups < MAX_GROUPS) void runGroups();
    });
}

type Rows = Insert & { text: string; values: Value[] };
/** Tells a member its result. */
type End = (member: Member) => void;

/** Runs a member without writing. `end` is absent when it must run alone. */
async function runMember(sql: Sql, { work }: Member): Promise<{ end?: End; rows: Rows[] }> {
  const rows: Rows[] = [];
  let isAlone = false;
  let end: End;
  try {
    const result = await work(async (text, ...values) => {
      const insert = insertOf(text);
      if (insert) rows.push({ text, values, ...insert });
      else if (rows.length === 0 && !isWrite(text)) return sql(text, ...values);
      else {
        isAlone = true;
        throw new Error("this statement cannot run in a group");
      }
      return [];
    });
    end = ({ resolve }) => resolve(result);
  } catch (error) {
    rows.splice(0);
    end = ({ reject }) => reject(error);
  }
  return isAlone ? { rows: [] } : { end, rows };
}
