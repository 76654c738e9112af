/** Peers for tests. They live on another machine than this one, so that the broker does not look for their processes. */
import type { InputOf, OutputOf } from "../../src/operations/index.ts";
import { type Credentials, ok } from "./api.ts";
import type { TestBroker } from "./broker.ts";
import { atEnd } from "./cleanup.ts";

export const HOST = "elsewhere";

let lastPid = 1000;

export type Place = Omit<InputOf<"register">, "claude_pid"> & { host_pid: number };

/** The place of a session that no other one has. */
export function place(more: Partial<Place> = {}): Place {
  lastPid += 1;
  return { host: HOST, host_pid: lastPid, cwd: `/home/ann/${lastPid}`, held: [], ...more };
}

export interface TestPeer extends Credentials {
  name: string;
  place: Place;
}

export async function newPeer(broker: TestBroker, name: string, more: Partial<Place> = {}): Promise<TestPeer> {
  const where = place(more);
  const { peer_id, secret, name: given } = await ok(broker, "register", { ...where, name });
  if (secret === undefined) throw new Error("a new peer got no secret");
  return { peer_id, secret, name: given, place: where };
}

/** Beats for peers without a session server until the test file ends, so that a slow machine does not take them for gone. */
export function stayAlive(broker: TestBroker, ...peers: TestPeer[]): void {
  const beat = setInterval(() => {
    for (const peer of peers)
      ok(broker, "heartbeat", { host_pid: peer.place.host_pid, held: [] }, peer).catch(() => {});
  }, 10_000);
  atEnd(() => clearInterval(beat));
}

let lastMessage = 0;

export function newMessageId(): string {
  lastMessage += 1;
  return `message-${String(lastMessage).padStart(6, "0")}`;
}

/** Everything that was ever stored, oldest first, as the operator sees it. */
export async function allMessages(broker: TestBroker): Promise<OutputOf<"messages">["messages"]> {
  const all: OutputOf<"messages">["messages"] = [];
  for (let before: number | undefined; ; ) {
    const page = await ok(broker, "messages", { limit: 500, full: true, ...(before === undefined ? {} : { before }) });
    all.unshift(...page.messages.toReversed());
    before = page.messages.at(-1)?.seq;
    if (before === undefined) return all;
  }
}

export async function allTexts(broker: TestBroker): Promise<string[]> {
  return (await allMessages(broker)).map((message) => message.text);
}
