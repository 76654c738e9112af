/**
 * Durable sends per second over 32 connections, each with one request at a time: 32 registered peers write to a 33rd.
 * An answer means that the message is on the disk. The floor is a server that only echoes, in the same process model:
 * the server in a process of its own, the clients in this one. One insert per commit, without any server, tells what
 * the disk does.
 */
import { join } from "node:path";
import { call, client } from "./http.mjs";
import { startHelper } from "./process.mjs";
import { headers, startBroker, tempFolder } from "./product.mjs";
import { openDatabase } from "./sqlite.mjs";
import { median } from "./stats.mjs";

const CONNECTIONS = 32;
const PER_ROUND = 3_000;
const ROUNDS = 7;
const INSERTS = 1_000;
const TEXT = "x".repeat(200);

export async function sends() {
  const broker = await startBroker();
  const echo = await startHelper("helpers/echo.mjs");
  const http = client(CONNECTIONS);
  const peer = async (name, i) => {
    const place = { host: "elsewhere", host_pid: 1000 + i, cwd: `/bench/${i}`, name, held: [] };
    return headers(broker, await call(http, broker, "register", place, headers(broker)));
  };
  await peer("receiver", CONNECTIONS);
  const senders = [];
  for (let i = 0; i < CONNECTIONS; i++) senders.push(await peer(`sender-${i}`, i));
  const body = JSON.stringify({ to: "receiver", text: TEXT });
  const database = await openDatabase(join(tempFolder(), "floor.db"));
  database.exec("CREATE TABLE rows (id INTEGER PRIMARY KEY, text TEXT NOT NULL)");

  const rates = { sends: [], echoes: [], inserts: [] };
  for (let round = 0; round <= ROUNDS; round++) {
    const echoes = await rate((i) => http.post(echo.said.url, senders[i], body));
    const done = await rate((i) => http.post(`${broker.url}/api/send_message`, senders[i], body));
    const inserts = insertRate(database);
    // The first round warms up.
    if (round === 0) continue;
    rates.echoes.push(echoes);
    rates.sends.push(done);
    rates.inserts.push(inserts);
  }
  database.close();
  await echo.end();
  await broker.end();
  const figure = (floorName, floor) => ({
    name: `durable sends, ${CONNECTIONS} connections`,
    value: median(rates.sends),
    unit: "/s",
    floor: median(floor),
    floorName,
  });
  return [
    figure("echo server", rates.echoes),
    { ...figure("SQLite alone, one insert per commit", rates.inserts), info: true },
  ];
}

/** Requests per second. */
async function rate(request) {
  let left = PER_ROUND;
  const begin = performance.now();
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async (_, i) => {
      while (left-- > 0) await request(i);
    }),
  );
  return (PER_ROUND / (performance.now() - begin)) * 1000;
}

function insertRate(database) {
  const insert = database.prepare("INSERT INTO rows (text) VALUES (?)");
  const begin = performance.now();
  for (let i = 0; i < INSERTS; i++) insert.run(TEXT);
  return (INSERTS / (performance.now() - begin)) * 1000;
}
