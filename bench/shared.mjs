/**
 * Several brokers on one real PostgreSQL (fsync on): throughput beside a server that does one bare transaction per request, the
 * latency of hints between brokers beside bare LISTEN and NOTIFY, and the cost of each operation, of an open stream and
 * of a hundred thousand known peers. Everything runs on one machine, clients included, so the rates say little about
 * separate machines; CPU time per operation does.
 */
import { startPostgres } from "./postgres.mjs";
import { hints } from "./shared/hints.mjs";
import { open } from "./shared/place.mjs";
import { sends } from "./shared/sends.mjs";
import { connectionMemory, crowd, operations, streams } from "./shared/sessions.mjs";

export async function shared() {
  let postgres;
  try {
    postgres = await startPostgres();
  } catch (error) {
    return [{ name: "several brokers on PostgreSQL", notMeasured: String(error.message ?? error) }];
  }
  const place = await open(postgres);
  const figures = [place.registrations, ...(await sends(place)), ...(await hints(place)), ...(await operations(place))];
  figures.push(...(await streams(place)), connectionMemory(place));
  figures.push(...(await crowd(place)));
  for (const broker of place.brokers) await broker.end();
  return figures;
}
