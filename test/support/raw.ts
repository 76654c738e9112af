/** Bytes as they are, to a broker and back: for what no HTTP client would send. */
import { connect, type Socket } from "node:net";
import type { TestBroker } from "./broker.ts";
import { atEnd } from "./cleanup.ts";

export interface Raw {
  socket: Socket;
  /** What the broker has said so far. */
  said(): string;
  /** Resolves with all that it said, when the connection is over. */
  over: Promise<string>;
}

/** Opens a connection and writes `bytes`. `from`: the address of this machine from which it comes. */
export function raw(broker: Pick<TestBroker, "url">, bytes: string | Buffer = "", from?: string): Raw {
  const { hostname, port } = new URL(broker.url);
  let said = "";
  const socket = connect({ host: hostname, port: Number(port), ...(from === undefined ? {} : { localAddress: from }) });
  socket.on("connect", () => void socket.write(bytes));
  socket.on("data", (data) => {
    said += data.toString("latin1");
  });
  // Being cut off is one of the things that such a client has to expect.
  socket.on("error", () => {});
  const over = new Promise<string>((resolve) => socket.on("close", () => resolve(said)));
  atEnd(() => void socket.destroy());
  return { socket, said: () => said, over };
}

/** The beginning of a request, up to and without the end of its headers. */
export function head(line: string, headers: Record<string, string>): string {
  return [`${line} HTTP/1.1`, ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`), ""].join("\r\n");
}
