/** `cct demo`: the delivery of two messages with real processes, in a temporary home. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureBroker, localClient } from "../../client/local.ts";
import { loadConfig } from "../../platform/config.ts";
import { CctError } from "../../platform/errors.ts";
import { prepareHome } from "../../platform/home.ts";
import { isAlive, terminate } from "../../platform/process.ts";
import type { Context } from "../parts/context.ts";
import { paint, toJson } from "../parts/output.ts";
import { type StandIn, standIn } from "../parts/standin.ts";

interface Step {
  /** Milliseconds since the start of the demo, and since the previous step. */
  at: number;
  took: number;
  what: string;
}

export async function demo({ world: outer, screen, onSignal, exit }: Context, json: boolean): Promise<void> {
  // Installed first, so that an interrupted demo cleans up at any moment.
  let stop = (): void => exit(130);
  const removeHandler = onSignal(["SIGINT", "SIGTERM"], () => stop(), { once: true });
  const home = mkdtempSync(join(tmpdir(), "cct-demo-"));
  const world = {
    ...outer,
    env: {
      ...outer.env,
      CCT_HOME: home,
      CCT_PORT: "0",
      CCT_HOST: undefined,
      CCT_BROKER: undefined,
      CCT_DELIVERY: undefined,
    },
  };
  const config = loadConfig(world);
  const client = localClient(config, world.random);
  const sessions: StandIn[] = [];
  const steps: Step[] = [];
  const begin = world.steady();
  let last = begin;
  const step = (what: string): void => {
    const now = world.steady();
    steps.push({ at: Math.round(now - begin), took: Math.round((now - last) * 10) / 10, what });
    last = now;
    if (!json) screen.write(`${paint(screen, "dim", `${String(Math.round(now - begin)).padStart(6)} ms`)}  ${what}\n`);
  };
  let starting: Promise<unknown> = Promise.resolve();
  let cleaning: Promise<void> | undefined;
  const cleanUp = (): Promise<void> => {
    cleaning ??= takeAway();
    return cleaning;
  };
  async function takeAway(): Promise<void> {
    await starting.catch(() => {});
    await Promise.all(sessions.map((session) => session.end()));
    // In a loop: a session that was still starting may have started another broker.
    for (;;) {
      const pid = (await client.health())?.pid;
      if (typeof pid !== "number") break;
      terminate(pid);
      while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 20));
    }
    client.close();
    rmSync(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  }

  const end = new Promise<never>(() => {
    stop = () => void cleanUp().finally(() => exit(130));
  });
  try {
    prepareHome(home, world.user, false);
    starting = ensureBroker(world, config, client);
    await starting;
    step("a private broker answers, with an empty store");
    const [alice, bob] = [standIn(world, home, "alice", home), standIn(world, home, "bob", home)];
    sessions.push(alice, bob);
    await Promise.all([alice.ready, bob.ready]);
    for (const session of sessions) await session.hook("SessionStart", { source: "startup" });
    await alice.call("cct_list_peers", {});
    await bob.call("cct_list_peers", {});
    step("two session servers, alice and bob, are registered");

    await bob.hook("UserPromptSubmit", { prompt: "fix the tests" });
    step("bob is active: his user typed a prompt");
    await alice.call("cct_send_message", {
      to: "bob",
      text: "I am changing src/auth.ts; please keep out of it until noon.",
    });
    step("alice sends bob a message: stored, and the answer says queued");
    await bob.mailArrived();
    step("the mail lies in bob's spool");
    const shown = await bob.hook("PreToolUse", { tool_name: "Bash", tool_input: { command: "npm test" } });
    expectText(shown.stdout, "src/auth.ts");
    step("bob's next tool call: the hook shows him the mail beside the tool's result; the tool runs");

    await alice.hook("Stop");
    step("alice has nothing more to do: she is idle");
    await bob.call("cct_send_message", { to: "alice", text: "Understood, I stay out of src/auth.ts." });
    step("bob answers");
    await alice.mailArrived();
    step("the answer lies in alice's spool");
    const woken = await alice.hook("FileChanged", { event: "add" });
    if (woken.status !== 2) throw new CctError("internal", "The hook did not wake alice.", "Please report this.");
    expectText(woken.stderr, "stay out of src/auth.ts");
    step("the spool's hook wakes alice with the text (Claude Code runs it within a second)");
    await alice.hook("UserPromptSubmit", { prompt: "(the wake)" });
    await alice.hook("Stop");
    await bob.hook("Stop");
    await settled(client, 2);
    step("both messages are read: each session went on with the text in view");
  } catch (error) {
    // Interrupted: every step fails, and the process is about to exit.
    if (cleaning) await end;
    throw error;
  } finally {
    await cleanUp();
    removeHandler();
  }
  if (json) screen.write(toJson({ steps }));
  else screen.write("Everything but the model was real. The demo's home and processes have been removed.\n");
}

function expectText(text: string, part: string): void {
  if (!text.includes(part)) throw new CctError("internal", "The hook did not show the mail.", "Please report this.");
}

/** Waits until the history holds `count` messages and all are read. */
async function settled(client: ReturnType<typeof localClient>, count: number): Promise<void> {
  for (let tries = 0; tries < 1000; tries++) {
    const { messages } = await client.call("messages", {});
    const read = messages.filter((message) => message.recipients.every((one) => one.state === "read"));
    if (read.length === count) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new CctError("internal", "The messages did not become 'read'.", "Please report this.");
}
