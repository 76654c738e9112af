/** Brokers: a line, a summary (`cct status`) or a page (`cct broker status`). */
import type { BrokerHealth } from "../../client/client.ts";
import type { Current } from "../../client/local.ts";
import type { BrokerStatus, HealthAnswer } from "../../operations/surface/broker-status.ts";
import { presences } from "../../rules/presence.ts";
import { span } from "../../rules/text.ts";
import { isOlder } from "../../rules/versions.ts";
import { clockTime, count, paint, type Screen, size } from "../parts/output.ts";
import { wrap } from "../parts/table.ts";

export const isUp = ({ about }: BrokerHealth): boolean => about?.version !== undefined;

/** The health of a broker in a few words. */
export function healthWords({ about, problem }: BrokerHealth): string {
  if (problem) return problem.message;
  return about?.version === undefined
    ? "does not accept this machine's token"
    : `on ${about.name}, version ${about.version}`;
}

/** Where a broker runs: its process on this machine, or the name of another machine. */
export const placeOf = ({ pid, name }: { pid?: number | undefined; name?: string | undefined }): string =>
  pid === undefined ? `on ${name}` : `process ${pid}`;

export interface Counts {
  live: number;
  offline: number;
  waiting: number;
  /** For the person who asks; `undefined` where this machine's token gives no mailbox. */
  unread: number | undefined;
}

/** The broker in use. `each`: all configured brokers, if it is not this home's own. */
export function brokerSummary(
  about: HealthAnswer,
  each: readonly BrokerHealth[] | undefined,
  inUse: string | undefined,
  counts: Counts,
  screen: Screen,
  now: number,
): string {
  const others = (each ?? []).filter(({ url }) => url !== inUse);
  return [
    `${paint(screen, "green", "running")}  for ${span(now - Number(about.started_at))}, version ${about.version}, ${placeOf(about)}`,
    each === undefined ? `home     ${about.home}` : `broker   ${inUse}`,
    ...others.map((one) => `or       ${one.url} (${healthWords(one)})`),
    ...(about.lan ? [`open to  other machines, at ${about.lan.addresses.join(", ")}`] : []),
    `peers    ${counts.live} live, ${counts.offline} offline`,
    `mail     ${counts.waiting} waiting`,
    ...(counts.unread === undefined
      ? []
      : [`for you  ${counts.unread} unread${counts.unread > 0 ? ": cct inbox" : ""}`]),
  ]
    .map((line) => `${wrap(screen, line, WORD)}\n`)
    .join("");
}

/** The column in which the words of a page begin. */
const WORD = 9;

/** What to know of a broker whose version is, or was, not that of this command. */
export function versionWords(how: Current["how"], other: string, ours: string): string {
  if (how === "replaced")
    return `It replaces one of version ${other}, and is ${ours}. Sessions reconnect by themselves.`;
  return isOlder(other, ours)
    ? `The broker is of version ${other}, older than this command (${ours}). To replace it: cct up`
    : `The broker is of version ${other}, and this command of ${ours}. A newer broker stays; update this one.`;
}

/** What an unconfirmed clock means, and until when; `undefined` when it is confirmed, or the broker does not say. */
export function clockWords({ clock }: Pick<BrokerStatus, "clock">): string | undefined {
  if (clock === undefined || clock.confirmed) return undefined;
  return `not confirmed (${clock.why}): nothing expires, is deleted or is released for another ${span(clock.in_ms ?? 0)}`;
}

/** The state of a broker for its operator. `now`: milliseconds since 1970. */
export function brokerPage(status: BrokerStatus, inUse: string | undefined, screen: Screen, now: number): string {
  const { peers, messages } = status;
  const bytes = status.database_bytes === null ? "" : `, ${size(status.database_bytes)}`;
  const oldest = status.oldest_waiting_ms === null ? "" : `; the oldest has waited ${span(status.oldest_waiting_ms)}`;
  const people = status.for_people ? `; ${status.for_people} of the queued for people` : "";
  const rows: [string, string | undefined][] = [
    [
      status.ready ? "ready" : "NOT READY",
      `${placeOf(status)}, version ${status.version}, since ${clockTime(status.started_at)} UTC (${span(status.uptime_ms)})`,
    ],
    ...status.reasons.map((reason): [string, string] => ["why", reason]),
    ["url", status.url ?? inUse],
    ["open to", status.lan && `other machines, at ${status.lan.addresses.join(", ")}`],
    ["store", `${status.store ?? "on its machine"}, schema ${status.schema}${bytes}`],
    [
      "brokers",
      status.hears_others === null ? undefined : `${status.hears_others ? "hears" : "does NOT hear"} the others`,
    ],
    ["streams", `${status.streams} open, over ${count(status.connections, "connection")} in all`],
    ["peers", peers ? presences.map((one) => `${peers[one] ?? 0} ${one}`).join(", ") : "not known"],
    [
      "mail",
      messages
        ? `${messages.queued} queued, ${messages.claimed} claimed, ${messages.delivered} delivered but not read, ${messages.held} held${people}${oldest}`
        : "not known",
    ],
    ["clock", clockWords(status)],
    ["sweep", status.swept_at === null ? "none yet" : `${span(now - status.swept_at)} ago`],
  ];
  return rows
    .filter((row) => row[1] !== undefined)
    .map(([name, text], i) => {
      const word = name.padEnd(9);
      const line = `${i > 0 ? word : paint(screen, status.ready ? "green" : "red", word)} ${text}`;
      return `${wrap(screen, line, WORD + 1)}\n`;
    })
    .join("");
}
