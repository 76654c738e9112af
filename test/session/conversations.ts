/** Helpers for sessions and their conversations: what the home and the broker know of their peers. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ok } from "../support/api.ts";
import type { TestBroker } from "../support/broker.ts";
import { type HostOptions, startHost, type TestHost } from "../support/host.ts";
import { until } from "../support/wait.ts";

export interface PeerRecord {
  peer_id: string;
  secret: string;
  name: string;
  session_id?: string;
  host_pid: number;
  started: string;
}

export const recordFiles = (home: string): string[] =>
  readdirSync(join(home, "peers")).filter((name) => name[0] !== ".");

/** Readable records, by the peer's name. */
export function records(home: string): Map<string, PeerRecord> {
  const all = recordFiles(home).map((name): PeerRecord => JSON.parse(readFileSync(join(home, "peers", name), "utf8")));
  return new Map(all.map((record) => [record.name, record]));
}

/** The pid map: id and name of the host's peer, for hooks and the status line. */
export const pidmap = (home: string, host: TestHost): string =>
  readFileSync(join(home, "pidmaps", String(host.pid)), "utf8").trim();
export const nameOf = (home: string, host: TestHost): string => pidmap(home, host).split(" ")[1] ?? "";

export async function peersOf(broker: TestBroker): Promise<{ name: string; presence: string }[]> {
  const { peers } = await ok(broker, "list_peers", { all: true });
  return peers
    .map(({ name, presence }) => ({ name, presence }))
    .sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
}

export async function stateOf(
  broker: TestBroker,
  text: string,
): Promise<{ state: string; redelivered: boolean } | undefined> {
  const { messages } = await ok(broker, "messages", { full: true });
  const recipient = messages.find((one) => one.text === text)?.recipients[0];
  return recipient && { state: recipient.state, redelivered: recipient.redelivered };
}

/** A registered session whose hooks have named its conversation. */
export async function start(home: string, name: string, session: string, options: HostOptions = {}): Promise<TestHost> {
  const host = await startHost(home, name, { ...options, env: { CLAUDE_CODE_SESSION_ID: session, ...options.env } });
  await host.hook("SessionStart", { session_id: session, source: "startup" });
  await host.ready();
  return host;
}

/** `/resume`: the host changes to another conversation in the same process. */
export async function resume(host: TestHost, from: string, to: string): Promise<void> {
  await host.hook("SessionEnd", { session_id: from, reason: "resume" });
  await host.hook("SessionStart", { session_id: to, source: "resume" });
}

/**
 * Ends a session, and waits until its broker knows. The session server itself waits for the broker for a moment only; on a
 * slow machine the broker finds out a little later.
 */
export async function end(broker: TestBroker, host: TestHost): Promise<void> {
  const [id] = pidmap(broker.home, host).split(" ");
  await host.end();
  await until("its peer is offline", async () => {
    const { peers } = await ok(broker, "list_peers", { all: true });
    return peers.every(({ peer_id, presence }) => peer_id !== id || presence === "offline");
  });
}

/** An offline peer with this conversation. */
export async function away(broker: TestBroker, name: string, session: string): Promise<void> {
  await end(broker, await start(broker.home, name, session));
}

export const send = (broker: TestBroker, to: string, text: string) => ok(broker, "send_message", { to, text });
