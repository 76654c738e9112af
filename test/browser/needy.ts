/** Sessions in every kind of trouble: at least one of each thing that the page can settle. */
import { ok, refused } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { newPeer, stayAlive, type TestPeer } from "../support/peers.ts";

export interface Needy {
  broker: TestBroker;
  ann: TestPeer;
  ben: TestPeer;
  cat: TestPeer;
  dan: TestPeer;
  eve: TestPeer;
  fay: TestPeer;
  /** What ann, ben and cat wrote to fay is held. */
  held: { ann: string; ben: string; cat: string };
  /** It could not be delivered. */
  dead: string;
}

/** `@one` and `@two` have a vote each; `@three` is quiet. */
export async function playNeedy(): Promise<Needy> {
  const broker = await startBroker({ env: { CCT_MAX_HOPS: "3", CCT_SENDS_PER_PAIR: "0" } });
  const peer = (name: string) => newPeer(broker, name, { summary: `${name}'s work` });
  const [ann, ben, cat] = [await peer("ann"), await peer("ben"), await peer("cat")];
  const [dan, eve, fay] = [await peer("dan"), await peer("eve"), await peer("fay")];
  stayAlive(broker, ann, ben, cat, dan, eve, fay);
  const say = async (from: TestPeer, to: string, text: string): Promise<string> =>
    (await ok(broker, "send_message", { to, text }, from)).message_id;
  const beat = (who: TestPeer, more: object) =>
    ok(broker, "heartbeat", { host_pid: who.place.host_pid, held: [], ...more }, who);

  await beat(dan, { presence: "blocked", blocked_on: { tool: "Bash", what: "npm publish" } });
  for (const pool of ["one", "two", "three"]) {
    await ok(broker, "create_pool", { name: pool, purpose: `the ${pool}` }, ann);
    for (const member of ["ben", "cat", "dan"]) await ok(broker, "invite_to_pool", { pool, peer: member }, ann);
    await say(ann, `@${pool}`, `This is ${pool}.`);
    if (pool === "three") continue;
    await ok(broker, "propose_release", { pool, peer: "ben", reason: "done", deadline_seconds: 3_600 }, ann);
  }
  await say(cat, "operator", "Which port?");
  await say(dan, "operator", "May I publish?");
  await ok(broker, "inbound_policy", { policy: "hold" }, fay);
  const held = {
    ann: await say(ann, "fay", "one"),
    ben: await say(ben, "fay", "two"),
    cat: await say(cat, "fay", "six"),
  };
  const dead = await say(ann, "dan", "hard to deliver");
  for (let i = 0; i < 10; i++) {
    const { messages } = await ok(broker, "claim_messages", { limit: 20, budget: 9_000 }, dan);
    const outcome = (id: string) => (id === dead ? ("lost" as const) : ("returned" as const));
    const acks = messages.map(({ message_id, attempt }) => ({ message_id, attempt, outcome: outcome(message_id) }));
    await ok(broker, "ack_messages", { acks }, dan);
  }
  let last = await say(ben, "cat", "hop");
  for (const [i, who] of [cat, ben].entries())
    last = (await ok(broker, "send_message", { reply_to: last, text: `hop ${i}` }, who)).message_id;
  await refused(broker, "send_message", { reply_to: last, text: "one hop more" }, cat);
  await beat(eve, { hooks: "quiet" });
  await say(ann, "eve", "hello");
  for (const [i, name] of ["orders-db", "users-db"].entries()) {
    const at = { kind: "db", name, url: `http://127.0.0.1:${i + 1}/`, host: "elsewhere", ttl_seconds: 3_600 };
    const { service_id } = await ok(broker, "register_service", at, ann);
    if (name === "users-db") continue;
    for (let i = 0; i < 3; i++) await ok(broker, "renew_service", { service_id, health: "unhealthy" }, ann);
  }
  await ok(broker, "add_device", { name: "tablet" });
  return { broker, ann, ben, cat, dan, eve, fay, held, dead };
}
