/** `cct broker status`: the state of a broker, for its operator. */
import type { Command } from "commander";
import { localClient } from "../../client/local.ts";
import type { BrokerStatus } from "../../operations/surface/broker-status.ts";
import { loadConfig } from "../../platform/config.ts";
import { presences } from "../../rules/presence.ts";
import type { Context } from "../parts/context.ts";
import { clockTime, paint, type Screen, size, span, toJson } from "../parts/output.ts";

export function addBrokerCommands(program: Command, context: Context): void {
  program
    .command("broker")
    .description("Shows how a broker does, for its operator.")
    .command("status")
    .description(
      "Shows whether the broker is ready, and if not, why; what its store holds and what waits in it. Exit code 1 when it is not ready.",
    )
    .option("--json", "as JSON")
    .action(async (options: { json?: boolean }) =>
      context.setExitCode(await brokerStatus(context, options.json ?? false)),
    );
}

async function brokerStatus({ world, screen }: Context, json: boolean): Promise<number> {
  const config = loadConfig(world);
  const client = localClient(config, world.random);
  try {
    const status = await client.status();
    if (!status) {
      const where = config.broker?.join(", ") ?? config.home;
      if (json) screen.write(toJson({ ready: false, reasons: [`no broker runs for ${where}`] }));
      else screen.stderr.write(`cct: No broker runs for ${where}. Start one with: cct start\n`);
      return 1;
    }
    screen.write(json ? toJson(status) : page(screen, status, client.inUse(), world.now()));
    return status.ready ? 0 : 1;
  } finally {
    client.close();
  }
}

function page(screen: Screen, status: BrokerStatus, broker: string | undefined, now: number): string {
  const { peers, messages } = status;
  const who = status.pid === undefined ? `on ${status.name}` : `process ${status.pid}`;
  const bytes = status.database_bytes === null ? "" : `, ${size(status.database_bytes)}`;
  const oldest = status.oldest_waiting_ms === null ? "" : `; the oldest waits since ${span(status.oldest_waiting_ms)}`;
  const rows: [string, string | undefined][] = [
    [
      status.ready ? "ready" : "NOT READY",
      `${who}, version ${status.version}, since ${clockTime(status.started_at)} UTC (${span(status.uptime_ms)})`,
    ],
    ...status.reasons.map((reason): [string, string] => ["why", reason]),
    ["url", status.url ?? broker],
    ["open to", status.lan && `other machines, at ${status.lan.addresses.join(", ")}`],
    ["store", `${status.store ?? "on its machine"}, schema ${status.schema}${bytes}`],
    [
      "brokers",
      status.hears_others === null ? undefined : `${status.hears_others ? "hears" : "does NOT hear"} the others`,
    ],
    ["streams", `${status.streams} open, over ${status.connections} connections in all`],
    ["peers", peers ? presences.map((one) => `${peers[one] ?? 0} ${one}`).join(", ") : "not known"],
    [
      "mail",
      messages
        ? `${messages.queued} queued, ${messages.claimed} claimed, ${messages.delivered} delivered and not read yet, ${messages.held} held${oldest}`
        : "not known",
    ],
    ["sweep", status.swept_at === null ? "none yet" : `${span(now - status.swept_at)} ago`],
  ];
  return rows
    .filter((row) => row[1] !== undefined)
    .map(([name, text], i) => {
      const word = name.padEnd(9);
      return `${i > 0 ? word : paint(screen, status.ready ? "green" : "red", word)} ${text}\n`;
    })
    .join("");
}
