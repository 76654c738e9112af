/** `cct migrate`: moves all data from the SQLite file of the home to PostgreSQL, or back. */
import { readFileSync } from "node:fs";
import { type Command, Option } from "commander";
import { loadConfig } from "../../platform/config.ts";
import { CctError, systemCode } from "../../platform/errors.ts";
import type { World } from "../../platform/world.ts";
import { type Moved, type MoveProgress, type StoreKind, stores } from "../../rules/moves.ts";
import type { Context } from "../parts/context.ts";
import { example, type Screen, toJson } from "../parts/output.ts";
import { table } from "../parts/table.ts";

interface MigrateOptions {
  from: StoreKind;
  to: StoreKind;
  urlFile?: string;
  use?: boolean;
  dryRun?: boolean;
  progress?: boolean;
  json?: boolean;
}

export function addMigrateCommand(program: Command, context: Context): void {
  const command = program
    .command("migrate")
    .addHelpText("after", example("migrate --from sqlite --to postgres --dry-run"))
    .description(
      "Moves all data of this home to PostgreSQL, or back. Verifies the copy. Stop all brokers first. An interrupted move can be repeated.",
    )
    .addOption(new Option("--from <store>", "where the data is").choices(stores).makeOptionMandatory())
    .addOption(new Option("--to <store>", "where to move it").choices(stores).makeOptionMandatory())
    .option("--url-file <file>", "a file with the URL of the PostgreSQL (default: the setting database_url)")
    .option("--use", "afterwards, switch the configuration to the target database")
    .option("--dry-run", "only read the data and show what would be moved")
    .option("--progress", "a line for each 5 %, also where standard error is no terminal")
    .option("--json", "as JSON")
    .action(async (options: MigrateOptions) => {
      if (options.from === options.to) command.error(`error: --from and --to are both ${options.from}`);
      await migrate(context, options);
    });
}

async function migrate({ world, screen, launchers, onSignal }: Context, options: MigrateOptions): Promise<void> {
  const { from, to, urlFile, use = false, dryRun = false } = options;
  const config = loadConfig(world, urlFile === undefined ? {} : { database_url: urlIn(urlFile) });
  let isStopped = false;
  // A second signal ends the process at once: the open transaction rolls back, and repeating the move continues.
  const requestStop = (): void => {
    isStopped = true;
  };
  const removeHandler = onSignal(["SIGINT", "SIGTERM"], requestStop, { once: true });
  const progress = printer(world, screen, options.progress ?? false);
  const begun = world.steady();
  let moved: Moved;
  try {
    moved = await launchers.move(config, { from, to, use, dryRun, report: progress.report, stopped: () => isStopped });
  } finally {
    progress.end();
    removeHandler();
  }
  const seconds = Math.round((world.steady() - begun) / 100) / 10;
  if (options.json) return screen.write(toJson({ ...moved, dry_run: dryRun, seconds }));
  screen.write(
    table(
      screen,
      ["TABLE", "ROWS", { heading: "SHA-256", least: 16 }],
      moved.tables.map(({ name, rows, checksum }) => [name, rows.toLocaleString("en"), checksum]),
    ),
  );
  const rows = moved.tables.reduce((sum, one) => sum + one.rows, 0).toLocaleString("en");
  if (dryRun) return screen.write(`${rows} rows in ${moved.from} would be moved. Nothing was moved.\n`);
  screen.write(
    `${rows} rows of ${moved.from} are in ${moved.to} now, compared by counts and checksums, in ${seconds} s.\n`,
  );
  screen.write(`${moved.from} stays as it is. ${whatNext(to, use)}\n`);
}

function whatNext(to: StoreKind, use: boolean): string {
  if (use) return "The configuration names the new place: cct start";
  return to === "postgres"
    ? "Next: cct config set database_url - (it reads the URL from standard input), or CCT_DATABASE_URL; then: cct start"
    : "Next: cct config set database_url (no value), and no CCT_DATABASE_URL; then: cct start";
}

/** Reads the URL from a file: a password on the command line is visible to every user. */
function urlIn(file: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch (error) {
    throw new CctError("bad_request", `${file} cannot be read (${systemCode(error)}).`, "Check --url-file.");
  }
}

/** Progress on standard error: in place on a terminal, otherwise, on request, as lines. */
function printer(
  world: World,
  { stderr }: Screen,
  asLines: boolean,
): { report(progress: MoveProgress): void; end(): void } {
  const inPlace = stderr.isTerminal && !asLines;
  if (!inPlace && !asLines) return { report() {}, end() {} };
  const share = inPlace ? 1 : 5;
  let shown = "";
  let doing = "";
  let begun = 0;
  return {
    report(progress) {
      const { rows, of } = progress;
      if (doing !== progress.doing) begun = world.steady();
      doing = progress.doing;
      const part = of === undefined ? undefined : Math.floor((rows / of) * (100 / share)) * share;
      const mark = `${doing} ${part ?? Math.floor(rows / 50_000)}`;
      if (mark === shown) return;
      shown = mark;
      const pace = Math.round(rows / Math.max(0.001, (world.steady() - begun) / 1000)).toLocaleString("en");
      const line = `${doing} ${part === undefined ? "" : `${part} %, `}${rows.toLocaleString("en")} rows, ${pace} rows/s`;
      stderr.write(inPlace ? `\r\u001b[K${line}` : `${line}\n`);
    },
    end() {
      if (inPlace && shown) stderr.write("\r\u001b[K");
    },
  };
}
