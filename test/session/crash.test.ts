/** Whatever is killed, whenever: what was answered as sent is read, and what is shown twice says so. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { call } from "../support/api.ts";
import { endBrokerOf, startBroker } from "../support/broker.ts";
import { type HookRun, startHost, type TestHost } from "../support/host.ts";
import { until } from "../support/wait.ts";

const ROUNDS = Number(process.env.CCT_CRASH_ROUNDS ?? 200);

/** A small generator, so that a failing run can be repeated: `CCT_CRASH_SEED`. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

interface Side {
  host: TestHost;
  name: string;
  /** Every text that a hook put out, oldest first. */
  shown: string[];
  /** How often a hook of the background woke it. */
  woken: number;
  /** Grows by one with each restart of the server. */
  lives: number;
}

test("nothing that was accepted is lost, and duplicates are marked, when broker, session servers and hooks are killed", {
  timeout: 600_000,
}, async () => {
  const seed = Number(process.env.CCT_CRASH_SEED ?? 20261123);
  const dice = random(seed);
  const broker = await startBroker();
  const { home, token } = broker;
  const note = (): { pid: number; url: string } => JSON.parse(readFileSync(join(home, "broker.json"), "utf8"));
  endBrokerOf(home);
  const sides: Side[] = [];
  for (const name of ["ann", "ben"]) {
    const host = await startHost(home, name, { env: { CCT_PORT: "0" } });
    sides.push({ host, name, shown: [], woken: 0, lives: 0 });
  }
  for (const { host } of sides) await host.ready();

  const killed = { broker: 0, server: 0, hook: 0 };
  let over = false;
  /** The host's own life: hooks run one after the other, some are killed, and what they said is kept. */
  async function live(side: Side): Promise<void> {
    const events = ["UserPromptSubmit", "PreToolUse", "PostToolBatch", "PreToolUse", "PostToolBatch", "Stop"];
    for (let i = 0; !over; i++) {
      const event = events[i % events.length] ?? "Stop";
      const killAfter = dice() < 0.15 ? dice() * 30 : undefined;
      const run = await side.host.hook(
        event,
        { tool_name: "Bash", tool_input: {} },
        { ...(killAfter === undefined ? {} : { killAfter }) },
      );
      keep(side, run);
      // Sometimes it is idle for long enough to be woken.
      const idle = event === "Stop" && dice() < 0.3 ? 400 : 0;
      await new Promise((resolve) => setTimeout(resolve, idle + 5 + dice() * 20));
    }
  }
  /** The hooks of the background race with those and with each other for the same mail. */
  async function wait(side: Side, event: "Waiter" | "FileChanged"): Promise<void> {
    while (!over) {
      const pause = event === "Waiter" ? dice() * 100 : 150 + dice() * 100;
      await new Promise((resolve) => setTimeout(resolve, pause));
      const killAfter = dice() < 0.15 ? 100 + dice() * 300 : undefined;
      const run = await side.host.hook(event, {}, { ...(killAfter === undefined ? {} : { killAfter }) });
      keep(side, run);
    }
  }
  const keep = (side: Side, run: HookRun): void => {
    const text = run.stdout + run.stderr;
    if (text.includes("CCT mail")) side.shown.push(text);
    if (run.signal === "SIGKILL") killed.hook++;
    else if (run.stderr.includes("CCT mail")) {
      expect(run.status).toBe(2);
      side.woken++;
    } else expect(run.status).toBe(0);
  };

  /** Message ids whose send was answered, by their receiver. */
  const accepted = new Map<string, Side>();
  async function send(from: Side, to: Side, round: number): Promise<void> {
    const lives = from.lives;
    const answer = await from.host
      .tool("cct_send_message", { to: to.name, text: `round ${round}` })
      .catch(() => undefined);
    // A server that died meanwhile answers nothing; an error is an honest no.
    if (!answer || answer.isError || from.lives !== lives) return;
    accepted.set(String(answer.structured.message_id), to);
  }

  async function strike(side: Side): Promise<void> {
    const what = dice();
    await new Promise((resolve) => setTimeout(resolve, dice() * 40));
    try {
      if (what < 0.3) {
        process.kill(note().pid, "SIGKILL");
        killed.broker++;
      } else if (what < 0.6) {
        const before = side.host.serverPid();
        process.kill(before, "SIGKILL");
        killed.server++;
        side.lives++;
        await until("the server is back", () => side.host.serverPid() !== before);
        await side.host.handshake();
      }
    } catch (error) {
      // Somebody was already dead, or not yet back: nothing to kill this time.
      if (!(error instanceof Error && "code" in error)) throw error;
    }
  }

  const lives = sides.flatMap((side) => [live(side), wait(side, "Waiter"), wait(side, "FileChanged")]);
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const [from, to] = dice() < 0.5 ? sides : [...sides].reverse();
      if (!from || !to) throw new Error("two sides");
      const victim = dice() < 0.5 ? from : to;
      const sends = Array.from({ length: 1 + Math.floor(dice() * 3) }, () => send(from, to, round));
      await Promise.all([strike(victim), ...sends]);
    }

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
      if (found && [...found.values()].every((state) => state === "read")) break;
      if (performance.now() > deadline) {
        const open = found && [...found].filter(([, state]) => state !== "read");
        throw new Error(`seed ${seed}: not read after two minutes: ${JSON.stringify(open)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  } finally {
    over = true;
    // A waiter waits until it hears of the end.
    for (const { host } of sides) await host.hook("SessionEnd", { reason: "other" });
    const ending = setInterval(() => {
      for (const { host } of sides) void host.hook("SessionEnd", { reason: "other" });
    }, 500);
    await Promise.all(lives).finally(() => clearInterval(ending));
  }

  // A run in which little was sent or killed proves nothing.
  expect(accepted.size).toBeGreaterThan(ROUNDS / 2);
  for (const times of Object.values(killed)) expect(times).toBeGreaterThan(ROUNDS / 20);
  if (ROUNDS >= 200)
    expect(Math.min(...sides.map(({ woken }) => woken)), `seed ${seed}: nobody was woken`).toBeGreaterThan(0);
  const all = sides.flatMap((side) => side.shown).join("");
  if (ROUNDS >= 200) expect(all, `seed ${seed}: nothing ever came twice`).toContain("REDELIVERED");
  for (const [id, to] of accepted) {
    const showings = to.shown.filter((text) => text.includes(`id ${id}`));
    expect(showings.length, `seed ${seed}: message ${id} was accepted and never shown`).toBeGreaterThan(0);
    for (const again of showings.slice(1)) {
      const head = again.split(/\\n|\n/).find((line) => line.includes(`id ${id}`)) ?? "";
      expect(head, `seed ${seed}: message ${id} came again unmarked`).toContain("REDELIVERED");
    }
  }
});
