/**
 * The floors of a send: a bare server of node's, which reads the same JSON and answers as many bytes with the same headers.
 * With `path` it stores each text first: one prepared insert into a table without indexes, one commit and one
 * flush of the disk for all that came in the same turn of the event loop.
 */
import { fdatasyncSync, openSync } from "node:fs";
import { createServer } from "node:http";
import { openDatabase } from "../sqlite.mjs";

const { path } = JSON.parse(process.argv[2] ?? "{}");
const ID = "0123456789abcdef0123456789abcdef";
const recipients = [{ peer_id: ID, name: "receiver", state: "queued", note: "receiver is idle and will be woken" }];
const ANSWER = { message_id: "01a21529-b89e-7ea7-8b80-7a214ad570c5", recipients };
const store = path === undefined ? (_values, then) => then() : await openStore(path);

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const { to, text } = JSON.parse(Buffer.concat(chunks).toString());
    store([request.headers["x-cct-peer"], to, text, JSON.stringify(ANSWER)], () => {
      const body = JSON.stringify(ANSWER);
      const headers = {
        "content-type": "application/json",
        "content-length": Buffer.byteLength(body),
        "cache-control": "no-store",
      };
      response.writeHead(200, headers).end(body);
    });
  });
});

async function openStore(file) {
  const database = await openDatabase(file, "NORMAL");
  database.exec("CREATE TABLE rows (id INTEGER PRIMARY KEY, sender TEXT, target TEXT, text TEXT, answer TEXT)");
  const [begin, commit] = ["BEGIN IMMEDIATE", "COMMIT"].map((text) => database.prepare(text));
  const insert = database.prepare("INSERT INTO rows (sender, target, text, answer) VALUES (?, ?, ?, ?)");
  const log = openSync(`${file}-wal`, "r+");
  let waiting = [];
  function commitAll() {
    const group = waiting;
    waiting = [];
    begin.run();
    for (const { values } of group) insert.run(...values);
    commit.run();
    fdatasyncSync(log);
    for (const { then } of group) then();
  }
  return (values, then) => {
    if (waiting.length === 0) setImmediate(commitAll);
    waiting.push({ values, then });
  };
}

server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${server.address().port}/` })}\n`);
});
process.stdin.on("end", () => process.exit(0)).resume();
