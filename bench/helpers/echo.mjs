/** The floor of everything that goes over HTTP: a server that answers with what it was sent. */
import { createServer } from "node:http";

// Connections wait for longer than node's five seconds while the other side of the comparison has its turn.
const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const body = Buffer.concat(chunks);
    response.writeHead(200, { "content-type": "application/json", "content-length": body.length });
    response.end(body);
  });
});
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${server.address().port}/` })}\n`);
});
process.stdin.on("end", () => process.exit(0)).resume();
