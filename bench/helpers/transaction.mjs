/**
 * The floor of a durable send on PostgreSQL: a server that does a bare transaction per request, over a pool of connections:
 * BEGIN, two INSERTs (a message and its delivery), COMMIT, one after the other.
 */
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import pg from "pg";

const { url, pool: max, size } = JSON.parse(process.argv[2] ?? "{}");
const pool = new pg.Pool({ connectionString: url, max });
const row = "x".repeat(size);

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  request.resume().on("end", async () => {
    const id = randomUUID();
    const connection = await pool.connect();
    await connection.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
    for (const table of ["bare", "bare_delivery"])
      await connection.query({
        name: table,
        text: `INSERT INTO ${table} (id, text) VALUES ($1, $2)`,
        values: [id, table === "bare" ? row : id],
      });
    await connection.query("COMMIT");
    connection.release();
    response.writeHead(200, { "content-type": "application/json", "content-length": 2 });
    response.end("{}");
  });
});
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${server.address().port}/` })}\n`);
});
process.stdin.on("end", () => process.exit(0)).resume();
