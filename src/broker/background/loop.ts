/** The broker's background loop: runs the sweep and the retention at intervals. */
import { existsSync } from "node:fs";
import type { Logger } from "pino";
import type { Environment } from "../../operations/core/transaction.ts";
import type { Config } from "../../platform/config.ts";
import { CctError } from "../../platform/errors.ts";
import { isAlive } from "../../platform/process.ts";
import type { World } from "../../platform/world.ts";
import { hostFrom } from "../../rules/names.ts";
import { claimChore } from "../../store/chores.ts";
import type { BrokerClock } from "../clock.ts";
import type { NotifyPlan } from "../notify/channels.ts";
import { createNotifier } from "../notify/notifier.ts";
import type { Metrics } from "../operator/metrics.ts";
import { type Streams, watchDisconnected } from "./disconnected.ts";
import { createListening } from "./listening.ts";
import { clearAway } from "./retention.ts";
import { type Here, sweepAbsent, sweepAll, sweepHere } from "./sweep.ts";
import { createIndexing } from "./word-index.ts";

/** Brokers share the sweep, and their timers are not exactly in step. */
const JITTER_MS = 100;
const HOUR_MS = 3_600_000;
/** Absence is measured to this part of its limit. */
const ABSENCE_STEPS = 100;

/** Ends a sweep whose clock is not confirmed any more. */
class ClockDoubtful extends CctError {
  constructor() {
    super("unavailable", "The broker's clock is not confirmed.");
  }
}

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
  clock: BrokerClock;
  metrics: Metrics;
  log: Logger;
  sweepMs: number;
  streams: Streams;
  /** Tells a person what needs them, if a channel is set. */
  notify: NotifyPlan | undefined;
  /** Writes the broker file again if it is missing. */
  keepBrokerFile(): void;
}

/** The machine of this broker. */
export const hereOf = ({ hostname }: Pick<World, "hostname">): Here => ({ host: hostFrom(hostname), isAlive });

export function startLoop(parts: Parts): Loop {
  const { world, config, environment, clock, metrics, log, sweepMs } = parts;
  const { store, now } = environment;
  /** What cannot be undone is done at a confirmed time. Without one, its transaction ends with an error and changes nothing. */
  const confirmed: Environment = {
    ...environment,
    now() {
      if (!clock.isConfirmed()) throw new ClockDoubtful();
      return clock.confirmed();
    },
  };
  const listening = createListening(store, world.steady, sweepMs);
  let absenceDueAt = 0;
  const here = hereOf(world);
  const checkDisconnected = watchDisconnected(environment, parts.streams, world.steady);
  let sweeping: Promise<void> | undefined;
  let isFailing = false;
  let isEnding = false;

  /** With a shared database, only one of the brokers does the common part of each sweep. */
  async function isOurTurn(chore = "sweep"): Promise<boolean> {
    if (!parts.isShared) return true;
    return store.tx((sql) => claimChore(sql, chore, now() - sweepMs + JITTER_MS, now()));
  }
  const notifier =
    parts.notify &&
    createNotifier({ environment, plan: parts.notify, isOurTurn: (channel) => isOurTurn(`notify ${channel}`), log });
  const fillIndex = createIndexing(store, () => isEnding, parts.isShared ? () => isOurTurn("word index") : undefined);

  async function sweepConfirmed(): Promise<void> {
    const listened = await listening.count();
    const absence = { listened, limitMs: config.pool_absence_hours * HOUR_MS };
    try {
      await sweepAll(confirmed, absence);
      if (listened >= absenceDueAt) {
        await sweepAbsent(confirmed, absence);
        absenceDueAt = listened + absence.limitMs / ABSENCE_STEPS;
      }
      await clearAway(confirmed, config);
    } catch (error) {
      if (!(error instanceof ClockDoubtful)) throw error;
    }
  }

  async function sweep(): Promise<void> {
    listening.begin();
    try {
      await sweepHere(environment, here);
      await checkDisconnected();
      // A broker whose clock is in doubt leaves the turn to others.
      if (clock.isConfirmed() && (await isOurTurn())) await sweepConfirmed();
      await fillIndex();
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
    // Also while a sweep runs: the clock is confirmed by looking at it often.
    clock.read();
    // No client can find this broker any more, and its data is deleted.
    if (!existsSync(parts.homeFile)) return abandon();
    parts.keepBrokerFile();
    void notifier?.tick();
    // A slow sweep must not overlap with the next one.
    sweeping ??= sweep().finally(() => {
      sweeping = undefined;
    });
  }, sweepMs);

  return {
    abandoned,
    async stop() {
      isEnding = true;
      clearInterval(timer);
      await notifier?.stop();
      await sweeping;
    },
  };
}
