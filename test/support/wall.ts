/** Wall clocks that a test sets for a broker that does not believe everything: the machine's, or that of its database. */
import type { BrokerStatus } from "../../src/operations/surface/broker-status.ts";
import { CALM_MS, MAX_STEP_MS } from "../../src/rules/clock.ts";
import { send } from "./api.ts";
import { type BrokerOptions, startBroker, type TestBroker } from "./broker.ts";
import { type TestClock, testClock } from "./clock.ts";
import { databaseEnv, onPostgres } from "./database.ts";
import { tempHome } from "./folders.ts";
import { ask } from "./postgres-server.ts";
import { swept } from "./sweep.ts";
import { until } from "./wait.ts";

export interface DoubtingBroker {
  broker: TestBroker;
  /** The time that the broker's wall clock shows. */
  now(): number;
  /** Sets the wall clock ahead, or back, and waits until the broker sees that and has swept. */
  set(ms: number): Promise<void>;
  /** Lets time pass on all clocks at once: the broker did not run meanwhile. */
  sleep(ms: number): Promise<void>;
  /** Lets time pass, with all broker's work, until the broker believes its clock, and it has swept. `beat`: what sessions do. */
  calm(beat?: () => Promise<unknown>): Promise<void>;
}

/** Shorter than a step or gap: PostgreSQL's clock and the broker's do not go on at the same moment. */
const PASS_MS = MAX_STEP_MS - 1_000;

/** The program's own caution. */
export const CAUTIOUS = { CCT_CLOCK_CONFIRM_SECONDS: String(CALM_MS / 1000) };

export const statusOf = async (broker: TestBroker): Promise<BrokerStatus> =>
  (await send(broker, { method: "GET", path: "/status" })).json as BrokerStatus;

/** Starts a broker with the program's own caution, which already believes its clock. */
export async function startDoubting(options: BrokerOptions = {}): Promise<DoubtingBroker> {
  const clock = testClock();
  const home = tempHome();
  const wall = onPostgres ? await databaseWall(databaseEnv(home).CCT_DATABASE_URL ?? "", clock) : machineWall(clock);
  const env = { ...CAUTIOUS, ...options.env };
  const broker = await startBroker({ ...options, home, clock, env });
  async function calm(beat: () => Promise<unknown> = async () => {}): Promise<void> {
    for (let passed = 0; passed <= 2 * CALM_MS; passed += PASS_MS) {
      await beat();
      if ((await statusOf(broker)).clock.confirmed) return swept(broker);
      await wall.pass(PASS_MS);
    }
    throw new Error("the broker does not believe its clock");
  }
  await calm();
  return {
    broker,
    calm,
    now: wall.now,
    async set(ms) {
      const seen = (await statusOf(broker)).clock;
      await wall.set(ms);
      await until("the broker to see the clock", async () => {
        const { why } = (await statusOf(broker)).clock;
        return why !== undefined && why !== seen.why;
      });
      await swept(broker);
    },
    async sleep(ms) {
      await wall.pass(ms);
      await swept(broker);
    },
  };
}

interface Wall {
  now(): number;
  set(ms: number): Promise<void>;
  pass(ms: number): Promise<void>;
}

const machineWall = (clock: TestClock): Wall => ({
  now: clock.now,
  set: async (ms) => clock.forward(ms),
  pass: clock.pass,
});

/** The clock of one database: a function of that name comes before the server's own. */
async function databaseWall(url: string, clock: TestClock): Promise<Wall> {
  const database = new URL(url).pathname.slice(1);
  for (const statement of [
    "CREATE SCHEMA clock",
    "CREATE TABLE clock.ahead (ms BIGINT)",
    "INSERT INTO clock.ahead VALUES (0)",
    `CREATE FUNCTION clock.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
       'SELECT pg_catalog.clock_timestamp() + (SELECT ms FROM clock.ahead) * interval ''1 millisecond'''`,
    `ALTER DATABASE ${database} SET search_path = public, clock, pg_catalog`,
  ])
    await ask(url, statement);
  let ahead = 0;
  async function set(ms: number): Promise<void> {
    ahead += ms;
    await ask(url, `UPDATE clock.ahead SET ms = ${ahead}`);
  }
  return {
    now: () => Date.now() + ahead,
    set,
    async pass(ms) {
      await set(ms);
      await clock.pass(ms);
    },
  };
}
