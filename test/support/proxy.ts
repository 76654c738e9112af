/** A link to a broker that can be slow, cut, or dead without a word: a TCP proxy in the test's own process. */
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { atEnd } from "./cleanup.ts";

export interface Link {
  url: string;
  /** The setting with which clients accept that this link leads elsewhere. */
  env: { CCT_FORWARDED_TO: string };
  /** All that clients have sent. */
  heard(): string;
  /** All that the broker has answered. */
  said(): string;
  /** Delays every piece by so many milliseconds, each way. */
  delay(ms: number): void;
  /** Ends all connections and accepts no new ones. */
  cut(): void;
  /** Half-open: nothing passes and nothing is closed, for connections that there are and new ones. */
  blackHole(): void;
  /** What is asked arrives; the answer does not, and the connection breaks. Only proofs of the broker come back. */
  loseAnswers(): void;
  /** Works again, for new connections. Those that were swallowed stay dead. */
  back(): void;
  /** When each connection came, by `performance.now()`. */
  connections: number[];
}

/** Starts a proxy before the broker at `target`, on an address and, unless it is 0, a port of this machine. */
export async function startProxy(target: string, host = "127.0.0.1", at = 0): Promise<Link> {
  const { port, hostname } = new URL(target);
  let latency = 0;
  let state: "open" | "cut" | "hole" | "lossy" = "open";
  const swallowed = new WeakSet<Socket>();
  const sockets = new Set<Socket>();
  const connections: number[] = [];
  const heard: Buffer[] = [];
  const said: Buffer[] = [];

  function track(socket: Socket): void {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
  }

  function pass(from: Socket, to: Socket, mayBeLost: () => boolean): void {
    const later = (work: () => void): void => void setTimeout(() => !swallowed.has(from) && work(), latency);
    from.on("data", (data) =>
      later(() => {
        if (state === "lossy" && mayBeLost()) to.destroy();
        else if (to.writable) to.write(data);
      }),
    );
    from.on("close", () => later(() => to.destroy()));
  }

  const server = createServer((near) => {
    connections.push(performance.now());
    if (state === "cut") return void near.destroy();
    track(near);
    near.on("data", (data: Buffer) => heard.push(data));
    if (state === "hole") return void swallowed.add(near);
    const far = connect(Number(port), hostname);
    track(far);
    far.on("data", (data: Buffer) => said.push(data));
    let isProving = true;
    near.on("data", (data: Buffer) => {
      isProving = data.toString("latin1").startsWith("GET /prove");
    });
    pass(near, far, () => false);
    pass(far, near, () => !isProving);
  });
  await new Promise<void>((resolve) => server.listen(at, host, resolve));
  const end = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  atEnd(() => {
    server.close();
    end();
  });
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${(server.address() as AddressInfo).port}`,
    env: { CCT_FORWARDED_TO: new URL(target).host },
    heard: () => Buffer.concat(heard).toString("latin1"),
    said: () => Buffer.concat(said).toString("latin1"),
    connections,
    delay(ms) {
      latency = ms;
    },
    cut() {
      state = "cut";
      end();
    },
    blackHole() {
      state = "hole";
      for (const socket of sockets) swallowed.add(socket);
    },
    loseAnswers() {
      state = "lossy";
    },
    back() {
      state = "open";
    },
  };
}
