/** A broker with a machine of each scope, and two sessions: what tests of rights begin with. */
import { ok } from "./api.ts";
import { startBroker, type TestBroker } from "./broker.ts";
import { newPeer, type TestPeer } from "./peers.ts";

const scopes = ["read", "post", "admin"] as const;

export interface Machines {
  broker: TestBroker;
  /** The token of the machine of each scope. */
  tokens: Record<(typeof scopes)[number], string>;
  ann: TestPeer;
  ben: TestPeer;
}

export async function startMachines(): Promise<Machines> {
  const broker = await startBroker();
  const token = async (scope: (typeof scopes)[number]): Promise<string> =>
    (await ok(broker, "add_device", { name: scope, scope })).token;
  const tokens = { read: await token("read"), post: await token("post"), admin: await token("admin") };
  return { broker, tokens, ann: await newPeer(broker, "ann"), ben: await newPeer(broker, "ben") };
}
