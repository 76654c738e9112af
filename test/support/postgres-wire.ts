/** Counts what a client says to PostgreSQL: a TCP proxy that reads the frontend's half of the protocol (version 3, no TLS). */
import { type AddressInfo, connect, createServer } from "node:net";
import { atEnd } from "./cleanup.ts";

/** The statements of a transaction, from BEGIN to COMMIT or ROLLBACK, one list for each round trip. */
export type Transaction = string[][];

export interface Wire {
  /** The database through the proxy. */
  url: string;
  /** Transactions that have ended, of all connections. */
  transactions: Transaction[];
  /** The values of all statements that were run, as they are sent. */
  values: string[];
  /** At the next round trip that contains a statement like this, closes the connection; the server gets it or not. */
  breakAt(pattern: RegExp, server: "gets it" | "does not get it"): void;
}

export async function startWire(database: string): Promise<Wire> {
  const target = new URL(database);
  const transactions: Transaction[] = [];
  const values: string[] = [];
  let broken: { pattern: RegExp; isPassed: boolean } | undefined;
  const server = createServer((near) => {
    const far = connect(Number(target.port), target.hostname);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on("error", () => {});
      one.on("close", () => other.destroy());
    }
    far.pipe(near);
    const hear = reader(
      (trip) => {
        if (!broken || !trip.some((text) => broken?.pattern.test(text))) return true;
        const { isPassed } = broken;
        broken = undefined;
        // The server's answer goes nowhere.
        far.unpipe(near);
        near.destroy();
        return isPassed;
      },
      transactions,
      values,
    );
    near.on("data", (data: Buffer) => {
      if (hear(data)) far.write(data);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  atEnd(() => server.close());
  const url = new URL(database);
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    transactions,
    values,
    breakAt(pattern, server) {
      broken = { pattern, isPassed: server === "gets it" };
    },
  };
}

/** Reads one connection. `onTrip` gets the statements of each round trip; the reader returns what it returned. */
function reader(
  onTrip: (trip: string[]) => boolean,
  transactions: Transaction[],
  values: string[],
): (data: Buffer) => boolean {
  let rest = Buffer.alloc(0);
  let isStarted = false;
  const prepared = new Map<string, string>();
  let bound = "";
  let trip: string[] = [];
  let transaction: Transaction | undefined;

  function endTrip(): boolean {
    const statements = trip;
    trip = [];
    if (statements.some((text) => /^BEGIN/.test(text))) transaction = [];
    transaction?.push(statements);
    if (transaction && statements.some((text) => /^(?:COMMIT|ROLLBACK)/.test(text))) {
      transactions.push(transaction);
      transaction = undefined;
    }
    return onTrip(statements);
  }

  /** Returns false to hold the message back. */
  function message(type: string, body: Buffer): boolean {
    const [first = "", second = ""] = body.toString("utf8").split("\0", 2);
    if (type === "P") prepared.set(first, second);
    else if (type === "B") {
      bound = prepared.get(second) ?? "";
      values.push(body.toString("latin1"));
    } else if (type === "E") trip.push(bound);
    else if (type === "Q") {
      trip.push(first);
      return endTrip();
    } else if (type === "S") return endTrip();
    return true;
  }

  return (data) => {
    rest = Buffer.concat([rest, data]);
    let passes = true;
    for (;;) {
      const at = isStarted ? 1 : 0;
      if (rest.length < at + 4 || rest.length < at + rest.readInt32BE(at)) return passes;
      const end = at + rest.readInt32BE(at);
      // The first message has no type.
      if (isStarted) passes = message(rest.toString("latin1", 0, 1), rest.subarray(5, end)) && passes;
      isStarted = true;
      rest = rest.subarray(end);
    }
  };
}
