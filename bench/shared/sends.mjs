/** Durable sends per second with one, two and three brokers, beside a server that does one bare transaction per request. */
import { randomUUID } from "node:crypto";
import { get } from "node:http";
import pg from "pg";
import { call } from "../http.mjs";
import { startHelper } from "../process.mjs";
import { headers } from "../product.mjs";
import { median } from "../stats.mjs";
import { CONNECTIONS, cost, info, load, POOL, ROUNDS, sum, TEXT, tidy, turn } from "./place.mjs";

/** Size of a message and its delivery in their tables, without indexes. */
const ROW_BYTES = 700;

export async function sends(place) {
  const { url, brokers, http, peers, ask } = place;
  for (const table of ["bare", "bare_delivery"])
    await ask(`CREATE TABLE ${table} (id TEXT PRIMARY KEY, text TEXT NOT NULL)`);
  const bare = await startHelper("helpers/transaction.mjs", { url, pool: POOL, size: ROW_BYTES });
  const direct = new pg.Client(url);
  await direct.connect();
  const next = turn(peers);
  const send = (count) => (worker) => {
    const { peer, other } = next();
    return call(http, brokers[worker % count], "send_message", { to: other.name, text: TEXT }, peer.headers);
  };
  const body = JSON.stringify({ to: "session-of-1", text: TEXT });
  const ways = {
    bare: () => load(place, () => http.post(bare.said.url, headers({ token: "x" }), body)),
    1: () => load(place, send(1)),
    2: () => load(place, send(2)),
    3: () => load(place, send(3)),
    insert: () => load({ ...place, brokers: [] }, inOrder(direct)),
  };
  const before = await retries(place);
  const runs = { bare: [], 1: [], 2: [], 3: [], insert: [] };
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [name, run] of Object.entries(ways)) {
      await tidy(place);
      const result = await run();
      // The first round warms up.
      if (round > 0) runs[name].push(result);
    }
  }
  const after = await retries(place);
  const floor = median(runs.bare.map(({ rate }) => rate));
  await bare.end();
  await direct.end();
  const rate = (count) => ({
    name: `durable sends, ${CONNECTIONS} connections, ${count} broker${count > 1 ? "s" : ""}`,
    value: median(runs[count].map((run) => run.rate)),
    unit: "/s",
    floor,
    floorName: "a bare transaction",
  });
  const all = [...runs[1], ...runs[2], ...runs[3]];
  return [
    rate(1),
    rate(2),
    rate(3),
    info("INSERT on one connection, one after the other", median(runs.insert.map((run) => run.rate)), "/s"),
    info(
      "transactions run again, of 1,000 sends",
      ((after.retries - before.retries) / sum(all.map((run) => run.done))) * 1000,
    ),
    info("transactions given up", after.conflicts - before.conflicts),
    ...cost("a send", runs[1], runs.bare),
    info(
      "a hint heard from another broker, CPU",
      median(runs[1].map(({ brokers: [, ...others] }) => sum(others) / others.length)),
      "ms",
    ),
  ];
}

/** Inserts one row after the other on a single connection, however many workers call it. */
function inOrder(direct) {
  let last = Promise.resolve();
  const text = "INSERT INTO bare (id, text) VALUES ($1, $2)";
  return () => {
    last = last.then(() => direct.query({ name: "insert", text, values: [randomUUID(), "x".repeat(ROW_BYTES)] }));
    return last;
  };
}

async function retries({ brokers }) {
  const counts = { retries: 0, conflicts: 0 };
  for (const broker of brokers) {
    const text = await new Promise((resolve, reject) => {
      get(`${broker.url}/metrics`, { agent: false, headers: headers(broker) }, (response) => {
        let all = "";
        response.setEncoding("utf8").on("data", (part) => {
          all += part;
        });
        response.on("end", () => resolve(all));
      }).on("error", reject);
    });
    for (const name of Object.keys(counts))
      counts[name] += Number(new RegExp(`^cct_store_${name}_total (\\d+)$`, "m").exec(text)?.[1] ?? 0);
  }
  return counts;
}
