/** Kills, sleeps and clock jumps at random moments: accepted mail is read, duplicates are marked, nothing is left behind. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readIfThere } from "../../src/platform/files.ts";
import { shortMessageId } from "../../src/rules/address.ts";
import { LEASE_MS } from "../../src/rules/presence.ts";
import { AGAIN } from "../../src/rules/texts/frames.ts";
import { call } from "../support/api.ts";
import { endBrokerOf, spawnBroker } from "../support/broker.ts";
import { testClock } from "../support/clock.ts";
import { startHost, type TestHost } from "../support/host.ts";
import { random } from "../support/random.ts";
import { times } from "../support/soak.ts";
import { until } from "../support/wait.ts";

const ROUNDS = Number(process.env.CCT_CRASH_ROUNDS ?? times(12, 200));

/** A conversation. When its host is killed, it is resumed in a new one. */
interface Side {
  /** `undefined` between a killed host and the next one. */
  host: TestHost | undefined;
  name: string;
  /** All output of hooks with mail, oldest first. */
  shown: string[];
  /** How often a background hook woke it. */
  woken: number;
  /** Restarts of the session server. */
  lives: number;
  /** Whether its session server is stopped (SIGSTOP) for longer than a lease. */
  asleep: boolean;
}

const HOUR_MS = 3_600_000;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test("accepted mail is never lost, duplicates are marked, and nothing is left behind, through kills, sleeps and clock jumps", {
  timeout: 300_000 + ROUNDS * 4_000,
}, async () => {
  const seed = Number(process.env.CCT_CRASH_SEED ?? 20261123);
  const dice = random(seed);
  const clock = testClock();
  const broker = await spawnBroker({ clock });
  const { home, token } = broker;
  const note = (): { pid: number; url: string } => JSON.parse(readFileSync(join(home, "broker.json"), "utf8"));
  endBrokerOf(home);
  // Brokers that sessions start must not wait minutes each time before they end the leases of killed session servers.
  writeFileSync(join(home, "config.json"), JSON.stringify({ clock_confirm_seconds: 0 }), { mode: 0o600 });
  const conversation = (side: Side) => ({ session_id: `conversation-${side.name}` });
  async function begin(side: Side, source: "startup" | "resume"): Promise<void> {
    const env = { CCT_PORT: "0", CLAUDE_CODE_SESSION_ID: conversation(side).session_id, ...clock.env };
    const host = await startHost(home, side.name, { env });
    await host.hook("SessionStart", { ...conversation(side), source });
    await host.ready();
    side.host = host;
  }
  const sides = ["ann", "ben"].map((name): Side => {
    return { host: undefined, name, shown: [], woken: 0, lives: 0, asleep: false };
  });
  for (const side of sides) await begin(side, "startup");

  const killed = { broker: 0, server: 0, hook: 0, host: 0 };
  const endured = { sleeps: 0, steps: 0 };
  let over = false;
  async function hook(side: Side, event: string, fields: object, killAfter: number | undefined): Promise<void> {
    if (!side.host) return;
    const options = killAfter === undefined ? {} : { killAfter };
    const run = await side.host.hook(event, { ...conversation(side), ...fields }, options);
    if (run.signal === "SIGKILL") killed.hook++;
    else expect([0, 2]).toContain(run.status);
    // The host shows the output of a wake only with exit status 2.
    const text = run.stdout + (run.status === 0 ? "" : run.stderr);
    if (!text.includes("CCT mail")) return;
    side.shown.push(text);
    if (run.status === 2) side.woken++;
  }
  /** The host: hooks run one after the other, and some are killed. */
  async function live(side: Side): Promise<void> {
    const events = ["UserPromptSubmit", "PreToolUse", "PostToolBatch", "PreToolUse", "PostToolBatch", "Stop"];
    for (let i = 0; !over; i++) {
      const event = events[i % events.length] ?? "Stop";
      const killAfter = dice() < 0.15 ? dice() * 30 : undefined;
      await hook(side, event, { tool_name: "Bash", tool_input: {} }, killAfter);
      // Sometimes long enough for a wake.
      const idle = event === "Stop" && dice() < 0.3 ? 400 : 0;
      await pause(idle + 5 + dice() * 20);
    }
  }
  /** Background hooks, which compete with the others for the same mail. */
  async function wait(side: Side, event: "Waiter" | "FileChanged"): Promise<void> {
    while (!over) {
      await pause(event === "Waiter" ? dice() * 100 : 150 + dice() * 100);
      await hook(side, event, {}, dice() < 0.15 ? 100 + dice() * 300 : undefined);
    }
  }

  /** What a failure is explained with. */
  function seen({ name, host, asleep, lives }: Side): object {
    const files =
      host && readdirSync(host.spool).map((file) => [file, readIfThere(join(host.spool, file))?.slice(0, 200)]);
    return { name, pid: host?.pid, asleep, lives, files, stderr: host?.stderr().slice(-1_000) };
  }

  /** Ids of accepted messages, by recipient. */
  const accepted = new Map<string, Side>();
  async function send(from: Side, to: Side, text: string): Promise<void> {
    const { lives, host } = from;
    const answer = await host?.tool("cct_send_message", { to: to.name, text }).catch(() => undefined);
    // A killed server gives no answer; an error is correct too.
    if (!answer || answer.isError || from.lives !== lives) return;
    accepted.set(String(answer.structured.message_id), to);
  }

  async function strike(side: Side, round: number): Promise<void> {
    const what = dice();
    await pause(dice() * 40);
    const { host } = side;
    try {
      // Rare, so not left to chance.
      if (round % 25 === 10) {
        clock.forward(endured.steps % 2 === 0 ? HOUR_MS : -HOUR_MS);
        endured.steps++;
      } else if (what < 0.28) {
        process.kill(note().pid, "SIGKILL");
        killed.broker++;
      } else if (host && !side.asleep && what < 0.54) {
        const before = host.serverPid();
        process.kill(before, "SIGKILL");
        killed.server++;
        side.lives++;
        await host.restarted(before);
        await host.handshake();
      } else if (host && !side.asleep && what < 0.6) {
        side.host = undefined;
        side.lives++;
        host.kill("SIGKILL");
        killed.host++;
        await begin(side, "resume");
      }
    } catch (error) {
      // The process was dead already, or not back yet.
      if (!(error instanceof Error && "code" in error)) throw error;
    }
  }

  /** Stops a session server for longer than a lease, while its hooks continue. */
  async function sleep(side: Side): Promise<void> {
    const server = side.host?.serverPid() ?? 0;
    process.kill(server, "SIGSTOP");
    try {
      await pause(LEASE_MS + 4_000);
    } finally {
      process.kill(server, "SIGCONT");
    }
    side.asleep = false;
    endured.sleeps++;
  }

  const lives = sides.flatMap((side) => [live(side), wait(side, "Waiter"), wait(side, "FileChanged")]);
  const sleeps: Promise<void>[] = [];
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const [from, to] = dice() < 0.5 ? sides : [...sides].reverse();
      if (!from || !to) throw new Error("two sides");
      if (round % 200 === 50) {
        to.asleep = true;
        sleeps.push(sleep(to));
      }
      const victim = dice() < 0.5 ? from : to;
      const sends = Array.from({ length: 1 + Math.floor(dice() * 3) }, (_, i) =>
        from.asleep ? undefined : send(from, to, `round ${round}, ${i}`),
      );
      await Promise.all([strike(victim, round), ...sends]);
    }
    await Promise.all(sleeps);

    const states = async (): Promise<Map<string, string>> => {
      const found = new Map<string, string>();
      for (let before: number | undefined; ; ) {
        const answer = await call({ url: note().url, token }, "messages", {
          limit: 500,
          ...(before ? { before } : {}),
        });
        const { messages } = answer.json as {
          messages: { seq: number; message_id: string; recipients: { state: string }[] }[];
        };
        for (const m of messages) found.set(m.message_id, m.recipients[0]?.state ?? "none");
        const last = messages.at(-1);
        if (!last || messages.length < 500) return found;
        before = last.seq;
      }
    };
    const deadline = performance.now() + 120_000;
    for (;;) {
      const found = await states().catch(() => undefined);
      const dead = [...(found ?? [])].filter(([, state]) => state === "dead");
      expect(dead, `seed ${seed}: given up`).toEqual([]);
      if (found && [...found.values()].every((state) => state === "read")) break;
      if (performance.now() > deadline) {
        const at = { url: note().url, token };
        const open = found && [...found.keys()].filter((id) => found.get(id) !== "read");
        const [{ json: peers }, ...messages] = await Promise.all([
          call(at, "list_peers", { all: true }),
          ...(open ?? []).map((message_id) => call(at, "message_details", { message_id })),
        ]);
        const where = JSON.stringify([messages.map(({ json }) => json), sides.map(seen), peers], undefined, 1);
        throw new Error(`seed ${seed}: not read after two minutes: ${where}`);
      }
      await pause(200);
    }
  } finally {
    over = true;
    // A waiter ends only after SessionEnd.
    const end = (): void => {
      for (const { host } of sides) void host?.hook("SessionEnd", { reason: "other" });
    };
    end();
    const ending = setInterval(end, 500);
    await Promise.all(lives).finally(() => clearInterval(ending));
  }

  const figures = JSON.stringify({ seed, rounds: ROUNDS, accepted: accepted.size, killed, endured });
  process.stderr.write(`crash: ${figures}\n`);
  // A run with few messages or kills proves nothing.
  expect(accepted.size, figures).toBeGreaterThan(ROUNDS / 2);
  expect(killed.broker + killed.server + killed.hook, figures).toBeGreaterThan(ROUNDS / 10);
  if (ROUNDS >= 200) {
    for (const what of ["broker", "server", "hook"] as const)
      expect(killed[what], figures).toBeGreaterThan(ROUNDS / 20);
    expect(Math.min(killed.host, endured.steps), figures).toBeGreaterThan(ROUNDS / 100);
    expect(endured.sleeps, figures).toBeGreaterThanOrEqual(Math.floor(ROUNDS / 200));
    expect(Math.min(...sides.map(({ woken }) => woken)), `${figures}: nobody was woken`).toBeGreaterThan(0);
  }
  const all = sides.flatMap((side) => side.shown).join("");
  if (ROUNDS >= 200) expect(all, `${figures}: nothing ever came twice`).toContain(AGAIN);
  for (const [id, to] of accepted) {
    const showings = to.shown.filter((text) => text.includes(`id ${shortMessageId(id)}`));
    expect(showings.length, `seed ${seed}: message ${id} was accepted and never shown`).toBeGreaterThan(0);
    for (const again of showings.slice(1)) {
      const head = again.split(/\\n|\n/).find((line) => line.includes(`id ${shortMessageId(id)}`)) ?? "";
      expect(head, `seed ${seed}: message ${id} came again unmarked`).toContain(AGAIN);
    }
  }

  // The next session removes what killed hosts left.
  const last: Side = { host: undefined, name: "cleo", shown: [], woken: 0, lives: 0, asleep: false };
  await begin(last, "startup");
  const living = [...sides, last].flatMap(({ host }) => (host ? [host] : []));
  for (const folder of ["spool", "pidmaps", "flags"]) {
    const known = living.map(({ pid }) => String(pid));
    // Temporary files of killed writers are removed after an hour.
    const strangers = readdirSync(join(home, folder)).filter(
      (name) => !known.includes(name) && !name.startsWith(".tmp."),
    );
    expect(strangers, `seed ${seed}: left in ${folder}`).toEqual([]);
  }
  for (const { spool } of living) {
    // A waiter that is about to end still has its pipe.
    await until(`seed ${seed}: nothing is left in the spool`, () => {
      const names = readdirSync(spool);
      return !names.some((name) => /^\.?(mail|taken|done|seen|read|back|lost|poke)/.test(name));
    });
  }
  for (const host of living) await host.end();
  process.kill(note().pid, "SIGTERM");
  await until("no process of this home is left", () => processesOf(home).length === 0 || undefined).catch(() => {
    throw new Error(`seed ${seed}: still running: ${processesOf(home).join("; ")}`);
  });
});

/** Command lines of the processes of a home (Linux only). */
function processesOf(home: string): string[] {
  if (process.platform !== "linux") return [];
  const read = (pid: string, what: string): string => {
    try {
      return readFileSync(`/proc/${pid}/${what}`, "utf8").replaceAll("\0", " ");
    } catch {
      // It has ended, or belongs to another user.
      return "";
    }
  };
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && read(name, "environ").includes(`CCT_HOME=${home} `))
    .map((pid) => `${pid} ${read(pid, "cmdline")}`);
}
