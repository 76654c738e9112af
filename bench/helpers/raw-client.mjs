/**
 * Connections that send POST requests one at a time, with as little work as possible: in a bench that measures a server's
 * CPU time, the client must not be what is slow. Reads only answers with a content-length.
 */
import { connect } from "node:net";

/** Opens a connection. `post` resolves with the answer's body, and rejects for a status other than 200. */
export async function openConnection(url) {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  let waiting;
  let received = "";
  socket.setEncoding("latin1");
  socket.on("data", (part) => {
    received += part;
    const end = received.indexOf("\r\n\r\n");
    if (end < 0) return;
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(received)?.[1]);
    if (!(received.length >= end + 4 + length)) return;
    const [status, body] = [received.slice(9, 12), received.slice(end + 4)];
    received = "";
    const { resolve, reject } = waiting;
    waiting = undefined;
    if (status === "200") resolve(body);
    else reject(new Error(`${url} answered ${status}: ${body}`));
  });
  socket.on("error", (error) => waiting?.reject(error));
  socket.on("close", () => waiting?.reject(new Error(`${url} closed the connection`)));
  return {
    /** `head`: request line and headers without a content-length; `body`: ASCII. */
    post: (head, body) =>
      new Promise((resolve, reject) => {
        waiting = { resolve, reject };
        socket.write(`${head}content-length: ${body.length}\r\n\r\n${body}`);
      }),
    end: () => socket.destroy(),
  };
}

export function requestHead(url, headers) {
  const { host, pathname } = new URL(url);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST ${pathname} HTTP/1.1\r\nhost: ${host}\r\n${lines.join("")}`;
}
