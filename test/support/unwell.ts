/** Stands before a broker as one whose database can go: it is there, keeps its streams, and answers calls with "not now". */
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { CctError, errorBody } from "../../src/platform/errors.ts";
import { atEnd } from "./cleanup.ts";

export interface Unwell {
  url: string;
  /** From now on: whether calls are answered with "not now"; a path: only those to it. */
  notNow(which: boolean | string): void;
  /** Paths that were asked for, as they came; not the proofs of connections. */
  asked: string[];
}

/** Starts before the broker at `target`. */
export async function startUnwell(target: string): Promise<Unwell> {
  const asked: string[] = [];
  let unwell: boolean | string = false;
  const server = createServer((incoming, response) => {
    const isProof = incoming.url === "/prove";
    if (!isProof) asked.push(incoming.url ?? "");
    const isCall = !isProof && incoming.url !== "/health";
    if (typeof unwell === "string" ? incoming.url === unwell : unwell && isCall) {
      incoming.resume();
      response.writeHead(503, { "content-type": "application/json" });
      return void response.end(
        JSON.stringify(errorBody(new CctError("unavailable", "The database is away.", "Wait."))),
      );
    }
    const { method, headers } = incoming;
    const onwards = request(new URL(incoming.url ?? "/", target), { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.on("error", () => response.destroy());
      answer.pipe(response);
    });
    onwards.on("error", () => response.destroy());
    response.on("close", () => onwards.destroy());
    incoming.pipe(onwards);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  atEnd(() => {
    server.close();
    server.closeAllConnections();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    notNow(which) {
      unwell = which;
    },
  };
}
