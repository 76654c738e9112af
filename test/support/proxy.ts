/** A link to a broker that can be slow, cut, or dead without a word: a TCP proxy in the test's own process. */
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { atEnd } from "./cleanup.ts";

export interface Link {
  url: string;
  /** Delays every piece by so many milliseconds, each way. */
  delay(ms: number): void;
  /** Ends all connections and accepts no new ones. */
  cut(): void;
  /** Half-open: nothing passes and nothing is closed, for connections that there are and new ones. */
  blackHole(): void;
  /** What is asked arrives; the answer does not, and the connection breaks. */
  loseAnswers(): void;
  /** Works again, for new connections. Those that were swallowed stay dead. */
  back(): void;
  /** When each connection came, by `performance.now()`. */
  connections: number[];
}

/** Starts a proxy before the broker at `target`, on an address of this machine. */
export async function startProxy(target: string, host = "127.0.0.1"): Promise<Link> {
  const { port, hostname } = new URL(target);
  let latency = 0;
  let state: "open" | "cut" | "hole" | "lossy" = "open";
  const swallowed = new WeakSet<Socket>();
  const sockets = new Set<Socket>();
  const connections: number[] = [];

  function track(socket: Socket): void {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
  }

  function pass(from: Socket, to: Socket, answers: boolean): void {
    const later = (work: () => void): void => void setTimeout(() => !swallowed.has(from) && work(), latency);
    from.on("data", (data) =>
      later(() => {
        if (state === "lossy" && answers) to.destroy();
        else if (to.writable) to.write(data);
      }),
    );
    from.on("close", () => later(() => to.destroy()));
  }

  const server = createServer((near) => {
    connections.push(performance.now());
    if (state === "cut") return void near.destroy();
    track(near);
    if (state === "hole") return void swallowed.add(near);
    const far = connect(Number(port), hostname);
    track(far);
    pass(near, far, false);
    pass(far, near, true);
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const end = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  atEnd(() => {
    server.close();
    end();
  });
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}`,
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
