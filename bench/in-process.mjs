/** Operations of the program in the bench's own process: what a broker adds to a call (HTTP, a process) is not measured. */
import { randomBytes } from "node:crypto";

/** The CPU time of this process, in milliseconds. */
export function ownCpuMs() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

const LIMITS = {
  ...{ repeat_seconds: 60, sends_per_minute: 1e6, sends_per_pair: 1e6, hops: 20, wakes_per_hour: 60 },
  // So that mail to a full mailbox is accepted.
  ...{ mailbox_messages: 1e6, peers: 10_000, pools: 0, page: 200, idle_beat_ms: 30_000 },
};

/** What operations run in. `parts`: the program's; `isShared`: only a broker that is alone with its database has bounds. */
export function environmentOf(parts, store, isShared) {
  const now = () => Date.now();
  let seq = 0;
  return {
    store,
    now,
    confirmed: now,
    isConfirmed: () => true,
    newId: () => randomBytes(16).toString("hex"),
    newMessageId: () => randomBytes(16).toString("hex"),
    nextSeq: () => {
      seq = Math.max(seq + 100, now() * 1000);
      return seq;
    },
    limits: LIMITS,
    ...(isShared ? {} : { bounds: parts.createBounds() }),
    publish() {},
    count() {},
    changed() {},
  };
}

/** Calls an operation by its name, as the operator or as a peer. */
export const callerOf = (parts) => (environment, name, input, as) => {
  const operation = parts.operations.find((one) => one.name === name);
  return parts.invoke(environment, operation, input, { principal: { kind: "home" }, credentials: as });
};

/** Registers so many peers of another machine. `call(name, input)` calls an operation. */
export async function registerPeers(call, count) {
  const peers = [];
  for (let i = 0; i < count; i++) {
    const place = { name: `peer-${i}`, host: "elsewhere", host_pid: 1000 + i, cwd: `/bench/${i}`, held: [] };
    peers.push({ ...(await call("register", place)), host_pid: 1000 + i, name: `peer-${i}` });
  }
  return peers;
}
