/** An HTTP server that receives notifications, and answers as a test says. */
import { createServer, type IncomingHttpHeaders } from "node:http";
import { atEnd } from "./cleanup.ts";

interface Received {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

export interface Receiver {
  /** Of a path that nobody can guess. */
  url: string;
  received: Received[];
  /** What it answers from now on; 200 at first. */
  status: number;
  /** It takes what comes, and never answers. */
  isSilent: boolean;
  /** It ends each connection before it has read a byte. A server that ended would leave its port to one of another test. */
  isBroken: boolean;
}

export async function startReceiver(path = "/topic-Zm9v"): Promise<Receiver> {
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request.setEncoding("utf8")) body += chunk;
    receiver.received.push({ path: request.url ?? "", headers: request.headers, body });
    if (!receiver.isSilent) response.writeHead(receiver.status, { location: "/elsewhere" }).end("words of a stranger");
  });
  server.on("connection", (socket) => receiver.isBroken && socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  const receiver: Receiver = {
    url: `http://127.0.0.1:${port}${path}`,
    received: [],
    status: 200,
    isSilent: false,
    isBroken: false,
  };
  atEnd(close);
  return receiver;
}
