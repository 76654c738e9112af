/**
 * Three brokers on one PostgreSQL, with sessions that send, join pools and vote. Whatever is killed or disconnected, accepted
 * mail is read, duplicates are marked, and the stored data is consistent.
 */
import { expect, test } from "vitest";
import { shortMessageId } from "../../src/rules/address.ts";
import { AGAIN } from "../../src/rules/texts/frames.ts";
import { type Ballot, countVotes } from "../../src/rules/votes.ts";
import { ok } from "../support/api.ts";
import { type BrokerProcess, spawnBroker } from "../support/broker.ts";
import { tempHome } from "../support/folders.ts";
import { startHost, type TestHost } from "../support/host.ts";
import { freePort } from "../support/ports.ts";
import { ask, hasPostgres, startPostgres } from "../support/postgres.ts";
import { random } from "../support/random.ts";
import { until } from "../support/wait.ts";

const MESSAGES = Number(process.env.CCT_CRASH_MESSAGES ?? 150);
const SESSIONS = Number(process.env.CCT_CRASH_SESSIONS ?? 4);

interface Side {
  name: string;
  host: TestHost;
  /** All output of hooks with mail, oldest first. */
  shown: string[];
  said: number;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const NAME = "three brokers, their connections and their database may die: nothing is lost, doubled or contradicted";

test.skipIf(!hasPostgres(NAME))(NAME, { timeout: 600_000 + MESSAGES * 400 }, async () => {
  const seed = Number(process.env.CCT_CRASH_SEED ?? 20261125);
  const dice = random(seed);
  const pick = <T>(all: readonly T[]): T => all[Math.floor(dice() * all.length)] as T;
  const server = await startPostgres();
  const url = await server.database();
  const env = { CCT_DATABASE_URL: url, CCT_SENDS_PER_MINUTE: "0", CCT_SENDS_PER_PAIR: "0", CCT_DATABASE_POOL: "5" };
  const brokers: BrokerProcess[] = [];
  for (let i = 0; i < 3; i++) brokers.push(await spawnBroker({ port: await freePort(), env }));
  const [first] = brokers;
  if (!first) throw new Error("three brokers");
  const { token } = await ok(first, "add_device", { name: "desk", scope: "post" });
  const home = tempHome();
  const begin = async (name: string): Promise<Side> => {
    const CCT_BROKER = brokers.map((broker) => broker.url).join(",");
    const host = await startHost(home, name, { env: { CCT_BROKER, CCT_TOKEN: token } });
    await host.ready();
    return { name, host, shown: [], said: 0 };
  };
  const sides: Side[] = [];
  for (let i = 0; i < SESSIONS; i++) sides.push(await begin(`peer-${i}`));
  await sides[0]?.host.tool("cct_create_pool", { name: "crew", purpose: "to vote" });

  const counts = { killed: 0, ended: 0, cut: 0, crashed: 0, restarted: 0, votes: 0 };
  let over = false;

  /** The host: hooks run one after the other and take the mail. */
  async function live(side: Side): Promise<void> {
    const events = ["UserPromptSubmit", "PreToolUse", "PostToolBatch", "PreToolUse", "PostToolBatch", "Stop"];
    for (let i = 0; !over; i++) {
      const run = await side.host.hook(events[i % events.length] ?? "Stop", { tool_name: "Bash", tool_input: {} });
      expect([0, 2]).toContain(run.status);
      if (`${run.stdout}${run.stderr}`.includes("CCT mail")) side.shown.push(run.stdout + run.stderr);
      await pause(20 + dice() * SESSIONS * 60);
    }
  }

  /** A tool's answer; `undefined` after the host's timeout. */
  const tool = (side: Side, name: string, input: Record<string, unknown>) =>
    side.host.tool(name, input).catch(() => undefined);

  /** Ids of accepted messages, by recipient. */
  const accepted = new Map<string, Side>();
  async function talk(side: Side): Promise<void> {
    while (!over && accepted.size < MESSAGES) {
      const to = pick(sides.filter((one) => one !== side));
      side.said++;
      const answer = await tool(side, "cct_send_message", { to: to.name, text: `say ${side.said}` });
      // An error is correct too: not sent, or not confirmed.
      if (answer && !answer.isError) accepted.set(String(answer.structured.message_id), to);
      if (dice() < 0.1) await meet(side);
    }
  }

  /** Joins or leaves the pool, proposes a release, or votes. Refusals do not matter. */
  async function meet(side: Side): Promise<void> {
    const what = dice();
    if (what < 0.4) await tool(side, "cct_join_pool", { pool: "crew" });
    else if (what < 0.45) await tool(side, "cct_leave_pool", { pool: "crew" });
    else if (what < 0.6)
      await tool(side, "cct_propose_release", { pool: "crew", peer: pick(sides).name, reason: "a test" });
    else {
      const status = await tool(side, "cct_pool_status", { pool: "crew" });
      for (const { proposal_id } of (status?.structured.open_proposals ?? []) as { proposal_id: string }[]) {
        const answer = await tool(side, "cct_vote_release", { proposal_id, vote: dice() < 0.7 ? "yes" : "no" });
        if (answer && !answer.isError) counts.votes++;
      }
    }
  }

  async function strike(what: number): Promise<void> {
    if (what < 0.4) {
      const i = Math.floor(dice() * 3);
      const broker = brokers[i];
      if (!broker) return;
      const kills = dice() < 0.7;
      await broker.stop(kills ? "SIGKILL" : "SIGTERM");
      counts[kills ? "killed" : "ended"]++;
      await pause(dice() * 1_500);
      brokers[i] = await spawnBroker({ home: broker.home, port: Number(new URL(broker.url).port), env });
    } else if (what < 0.9) {
      const some = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND pid % 3 = $1`;
      counts.cut += (await ask(url, some, [Math.floor(dice() * 3)])).length;
    } else {
      const crash = dice() < 0.5;
      await server.stop(crash ? "SIGQUIT" : "SIGINT");
      counts[crash ? "crashed" : "restarted"]++;
      await pause(dice() * 2_000);
      await server.start();
    }
  }

  async function havoc(): Promise<void> {
    // First a broker, then connections, so that a short run has both.
    const begin = [0, 0.5];
    while (!over && (accepted.size < MESSAGES || begin.length > 0)) {
      await strike(begin.shift() ?? dice());
      await pause(300 + dice() * 700);
    }
  }

  const lives = sides.map(live);
  try {
    await Promise.all([havoc(), ...sides.map(talk)]);
    // So long that only a hang exceeds it, also on a loaded machine.
    const deadline = performance.now() + 300_000;
    for (;;) {
      const open = await ask(url, "SELECT message_id, state FROM deliveries WHERE state <> 'read' LIMIT 20");
      if (open.length === 0) break;
      if (performance.now() > deadline) throw new Error(`seed ${seed}: not read: ${JSON.stringify(open)}`);
      await pause(500);
    }
  } finally {
    over = true;
    await Promise.all(lives);
  }
  const figures = JSON.stringify({ seed, accepted: accepted.size, sessions: SESSIONS, ...counts });
  process.stderr.write(`three brokers: ${figures}\n`);
  expect(counts.killed + counts.ended, figures).toBeGreaterThan(0);
  if (MESSAGES >= 1_000) expect(Math.min(counts.cut, counts.crashed), figures).toBeGreaterThan(0);

  // What a killed broker had sent may still be carried out by the server: the looks at its tables come after all of it.
  for (const broker of brokers) await broker.stop();
  const others = `SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`;
  await until("nobody works in the database", async () => (await ask(url, others)).length === 0);

  for (const [id, to] of accepted) {
    const showings = to.shown.filter((text) => text.includes(`id ${shortMessageId(id)}`));
    expect(showings.length, `${figures}: message ${id} was accepted and never shown`).toBeGreaterThan(0);
    for (const again of showings.slice(1)) {
      const head = again.split(/\\n|\n/).find((line) => line.includes(`id ${shortMessageId(id)}`)) ?? "";
      expect(head, `${figures}: message ${id} came again unmarked`).toContain(AGAIN);
    }
  }

  // Each sender's messages are in the order of sending, through any brokers.
  const order = await ask(
    url,
    `SELECT from_name FROM (
       SELECT from_name, substr(text, 5)::int AS said, lag(substr(text, 5)::int) OVER (PARTITION BY from_id ORDER BY seq) AS before
       FROM messages WHERE text LIKE 'say %') AS all_said WHERE said <= before`,
  );
  expect(order, figures).toEqual([]);
  const lonely =
    "SELECT message_id FROM messages m WHERE pool_id IS NULL AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.message_id = m.message_id)";
  expect(await ask(url, lonely), figures).toEqual([]);
  const leads =
    "SELECT pool_id FROM members WHERE left_at IS NULL AND role = 'lead' GROUP BY pool_id HAVING count(*) > 1";
  expect(await ask(url, leads), figures).toEqual([]);
  const proposals = await ask(url, "SELECT * FROM proposals");
  for (const proposal of proposals) {
    const ballots = await ask(url, "SELECT peer_id, name, vote, excluded FROM ballots WHERE proposal_id = $1", [
      proposal.proposal_id,
    ]);
    const { state } = countVotes(ballots as unknown as Ballot[]);
    // A deadline or a leave may end a proposal at any count; one that votes decided must follow from them.
    if (["passed", "rejected", "open"].includes(String(proposal.state))) expect(state, figures).toBe(proposal.state);
    if (proposal.state !== "passed") continue;
    const released = await ask(
      url,
      `SELECT 1 FROM members WHERE pool_id = $1 AND peer_id = $2
         AND (releasing_until IS NOT NULL OR left_at IS NOT NULL OR joined_at >= $3)`,
      [proposal.pool_id, proposal.subject_id, proposal.decided_at],
    );
    expect(released, `${figures}: ${proposal.proposal_id} passed, and its subject is still there`).toHaveLength(1);
  }
  for (const { host } of sides) await host.end();
});
