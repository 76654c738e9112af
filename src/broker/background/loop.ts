/** The broker's background loop: runs the sweep and the retention at intervals. */
import { existsSync } from "node:fs";
import type { Logger } from "pino";
import type { Environment } from "../../operations/core/transaction.ts";
import type { Config } from "../../platform/config.ts";
import { isAlive } from "../../platform/process.ts";
import type { World } from "../../platform/world.ts";
import { hostFrom } from "../../rules/names.ts";
import { claimChore } from "../../store/chores.ts";
import type { Metrics } from "../operator/metrics.ts";
import { clearAway } from "./retention.ts";
import { type Here, sweepAll, sweepHere } from "./sweep.ts";

/** Brokers share the sweep, and their timers are not exactly in step. */
const JITTER_MS = 100;
const HOUR_MS = 3_600_000;

export interface Loop {
  /** Resolves when the home has been removed. */
  abandoned: Promise<void>;
  /** Ends the loop and waits for the running sweep. */
  stop(): Promise<void>;
}

interface Parts {
  world: World;
  config: Config;
  /** A file that exists as long as the home does. */
  homeFile: string;
  /** Whether other brokers may use the same database. */
  isShared: boolean;
  environment: Environment;
  metrics: Metrics;
  log: Logger;
  sweepMs: number;
}

export function startLoop(parts: Parts): Loop {
  const { world, config, environment, metrics, log, sweepMs } = parts;
  const { store, now } = environment;
  const here: Here = { host: hostFrom(world.hostname), isAlive };
  let sweeping: Promise<void> | undefined;
  let isFailing = false;

  /** With a shared database, only one of the brokers does the common part of each sweep. */
  async function isOurTurn(): Promise<boolean> {
    if (!parts.isShared) return true;
    return store.tx((sql) => claimChore(sql, "sweep", now() - sweepMs + JITTER_MS, now()));
  }

  async function sweep(): Promise<void> {
    try {
      await sweepHere(environment, here);
      if (await isOurTurn()) {
        await sweepAll(environment, here, config.pool_absence_hours * HOUR_MS);
        await clearAway(environment, config);
      }
      isFailing = false;
      metrics.sweptAt = now();
    } catch (error) {
      // Log the first of several failures: a database may be down for long.
      if (!isFailing) log.error({ err: error }, "sweep failed");
      isFailing = true;
    }
  }

  let abandon = (): void => {};
  const abandoned = new Promise<void>((resolve) => {
    abandon = resolve;
  });
  const timer = setInterval(() => {
    // No client can find this broker any more, and its data is deleted.
    if (!existsSync(parts.homeFile)) return abandon();
    // A slow sweep must not overlap with the next one.
    sweeping ??= sweep().finally(() => {
      sweeping = undefined;
    });
  }, sweepMs);

  return {
    abandoned,
    async stop() {
      clearInterval(timer);
      await sweeping;
    },
  };
}
