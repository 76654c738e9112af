/** `cct demo`: the delivery of two messages with real processes, in a temporary home. */
import { existsSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Client } from "../../client/client.ts";
import { ensureBroker, localClient } from "../../client/local.ts";
import { stopBroker } from "../../client/stop.ts";
import { loadConfig } from "../../platform/config.ts";
import { CctError } from "../../platform/errors.ts";
import { prepareHome } from "../../platform/home.ts";
import { tryLock } from "../../platform/lock.ts";
import type { World } from "../../platform/world.ts";
import type { Context } from "../parts/context.ts";
import { paint, toJson } from "../parts/output.ts";
import { type StandIn, standIn } from "../parts/standin.ts";

interface Step {
  /** Milliseconds since the start of the demo, and since the previous step. */
  at: number;
  took: number;
  what: string;
}

export async function demo({ world, screen, onSignal, exit }: Context, json: boolean): Promise<void> {
  // Installed first, so that an interrupted demo cleans up at any moment.
  let stop = (): void => exit(130);
  const removeHandler = onSignal(["SIGINT", "SIGTERM"], () => stop(), { once: true });
  await removeLeftovers(world);
  const stage = privateStage(world);
  let interrupted: Promise<never> | undefined;
  stop = () => {
    interrupted = stage.remove().then(
      () => exit(130),
      () => exit(130),
    );
  };
  const steps: Step[] = [];
  const begin = world.steady();
  let last = begin;
  const step = (what: string): void => {
    const now = world.steady();
    steps.push({ at: Math.round(now - begin), took: Math.round((now - last) * 10) / 10, what });
    last = now;
    if (!json) screen.write(`${paint(screen, "dim", `${String(Math.round(now - begin)).padStart(6)} ms`)}  ${what}\n`);
  };
  try {
    await exchange(stage, step);
  } catch (error) {
    // Interrupted: every step fails, and the process is about to exit.
    if (interrupted) await interrupted;
    throw error;
  } finally {
    await stage.remove();
    removeHandler();
  }
  if (json) screen.write(toJson({ steps }));
  else screen.write("Everything but the model was real. The demo's home and processes have been removed.\n");
}

/** A home of its own, with its broker and sessions. */
interface Stage {
  client: Client;
  startBroker(): Promise<void>;
  /** Starts a session server; it is ready when `ready` has resolved. */
  session(name: string): StandIn;
  /** Ends the sessions and the broker, and removes the home. Repeated calls share one removal. */
  remove(): Promise<void>;
}

const PREFIX = "cct-demo-";
/** Held by a demo in its home: a home whose lock is stale was left by a demo that was killed. */
const lockOf = (home: string): string => join(home, "demo.lock");

/** Ends the brokers and removes the homes of demos that were killed. */
async function removeLeftovers(outer: World): Promise<void> {
  for (const name of readdirSync(tmpdir()).filter((name) => name.startsWith(PREFIX))) {
    const home = join(tmpdir(), name);
    try {
      if (!existsSync(lockOf(home)) || tryLock(lockOf(home), outer) !== undefined) continue;
      const world = worldIn(outer, home);
      await stopBroker(world, loadConfig(world));
      rmSync(home, { recursive: true, force: true });
    } catch {
      // Another user's, or another demo removes it right now.
    }
  }
}

const worldIn = (outer: World, home: string): World => {
  const settings = {
    CCT_HOME: home,
    CCT_PORT: "0",
    CCT_HOST: undefined,
    CCT_BROKER: undefined,
    CCT_DELIVERY: undefined,
  };
  return { ...outer, env: { ...outer.env, ...settings } };
};

function privateStage(outer: World): Stage {
  // Created only after the configuration has been accepted.
  const home = join(tmpdir(), `${PREFIX}${outer.newId().slice(0, 12)}`);
  const world = worldIn(outer, home);
  const config = loadConfig(world);
  const client = localClient(config, world);
  const sessions: StandIn[] = [];
  let starting: Promise<unknown> = Promise.resolve();
  let removing: Promise<void> | undefined;

  async function remove(): Promise<void> {
    await starting.catch(() => {});
    await Promise.all(sessions.map((session) => session.end()));
    // In a loop: a session that was still starting may have started another broker.
    while ((await stopBroker(world, config)) !== undefined);
    client.close();
    rmSync(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  }

  return {
    client,
    async startBroker() {
      prepareHome(home, world.user, false);
      tryLock(lockOf(home), world);
      starting = ensureBroker(world, config, client);
      await starting;
    },
    session(name) {
      const session = standIn(world, home, name, home);
      sessions.push(session);
      return session;
    },
    remove() {
      removing ??= remove();
      return removing;
    },
  };
}

/** Two sessions exchange a message each. `step` reports each step once it has happened. */
async function exchange(stage: Stage, step: (what: string) => void): Promise<void> {
  await stage.startBroker();
  step("a private broker answers, with an empty store");
  const [alice, bob] = [stage.session("alice"), stage.session("bob")];
  await Promise.all([alice.ready, bob.ready]);
  for (const session of [alice, bob]) await session.hook("SessionStart", { source: "startup" });
  await alice.call("cct_list_peers", {});
  await bob.call("cct_list_peers", {});
  step("two session servers, alice and bob, are registered");

  await bob.hook("UserPromptSubmit", { prompt: "fix the tests" });
  step("bob is active: bob's user typed a prompt");
  await alice.call("cct_send_message", {
    to: "bob",
    text: "I am changing src/auth.ts; please keep out of it until noon.",
  });
  step("alice sends bob a message: stored, and the answer says queued");
  await bob.mailArrived();
  step("the mail is in bob's spool");
  const shown = await bob.hook("PreToolUse", { tool_name: "Bash", tool_input: { command: "npm test" } });
  expectText(shown.stdout, "src/auth.ts");
  step("bob's next tool call: the hook shows the mail beside the tool's result; the tool runs");

  await alice.hook("Stop");
  step("alice has nothing more to do: she is idle");
  await bob.call("cct_send_message", { to: "alice", text: "Understood, I stay out of src/auth.ts." });
  step("bob answers");
  await alice.mailArrived();
  step("the answer is in alice's spool");
  const woken = await alice.hook("FileChanged", { event: "add" });
  if (woken.status !== 2) throw new CctError("internal", "The hook did not wake alice.", "Please report this.");
  expectText(woken.stderr, "stay out of src/auth.ts");
  step("the spool's hook wakes alice with the text (an agent runs it within a second)");
  await alice.hook("UserPromptSubmit", { prompt: "(the wake)" });
  await alice.hook("Stop");
  await bob.hook("Stop");
  await settled(stage.client, 2);
  step("both messages are read: each session went on with the text in view");
}

function expectText(text: string, part: string): void {
  if (!text.includes(part)) throw new CctError("internal", "The hook did not show the mail.", "Please report this.");
}

/** Waits until the history holds `count` messages and all are read. */
async function settled(client: Client, count: number): Promise<void> {
  for (let tries = 0; tries < 1000; tries++) {
    const { messages } = await client.call("messages", {});
    const read = messages.filter((message) => message.recipients.every((one) => one.state === "read"));
    if (read.length === count) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new CctError("internal", "The messages did not become 'read'.", "Please report this.");
}
