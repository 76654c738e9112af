/** `cct backup` and `cct restore`: copies of the SQLite file of the home. */
import { resolve } from "node:path";
import type { Command } from "commander";
import { type Config, loadConfig } from "../../platform/config.ts";
import { CctError } from "../../platform/errors.ts";
import { withClient } from "../parts/broker.ts";
import type { Context } from "../parts/context.ts";
import { example, size, toJson } from "../parts/output.ts";

export function addBackupCommands(program: Command, context: Context): void {
  program
    .command("backup <file>")
    .addHelpText("after", example("backup /mnt/backups/cct-monday.db"))
    .description(
      "Writes a copy of the database to a new file. The broker may run meanwhile. The copy is complete as of the moment when it began, and is checked.",
    )
    .option("--json", "as JSON")
    .action((file: string, options: { json?: boolean }) => backUp(context, file, options.json ?? false));
  program
    .command("restore <file>")
    .addHelpText("after", example("restore /mnt/backups/cct-monday.db"))
    .description(
      "Puts a backup in place of the database. Checks it first, and keeps the database that was there. Stop the broker first.",
    )
    .option("--json", "as JSON")
    .action((file: string, options: { json?: boolean }) => restore(context, file, options.json ?? false));
}

async function backUp({ world, screen, launchers }: Context, name: string, json: boolean): Promise<void> {
  const config = ofThisHome(loadConfig(world));
  const file = resolve(world.cwd, name);
  const bytes = await withClient(world, config, async (client) => {
    const isRunning = (await client.health()) !== undefined;
    return launchers.backUp(config, file, isRunning ? await client.openBackup() : undefined);
  });
  screen.write(
    json ? toJson({ file, bytes }) : `${file} is a complete copy of the database, ${size(bytes)}, checked.\n`,
  );
}

async function restore({ world, screen, launchers }: Context, name: string, json: boolean): Promise<void> {
  const config = ofThisHome(loadConfig(world));
  const restored = await launchers.restore(config, resolve(world.cwd, name));
  if (json) return screen.write(toJson(restored));
  screen.write(`The database is the one of the backup now, ${size(restored.bytes)}, schema ${restored.schema}.\n`);
  if (restored.kept) screen.write(`The one that was there is kept: ${restored.kept}\n`);
  screen.write("Next: cct start\n");
}

/** Throws `conflict` where the database is another machine's. */
function ofThisHome(config: Config): Config {
  if (config.broker === undefined) return config;
  throw new CctError(
    "conflict",
    `This machine uses the broker at ${config.broker.join(" or ")}, which has the database.`,
    "Run this on the broker's machine.",
  );
}
