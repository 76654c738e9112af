/** Hooks as tool calls behave like the bash hooks: both run on the same mail. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test as inTurn } from "vitest";
import { claude } from "../../src/hosts/claude.ts";
import { instructions } from "../../src/rules/texts/instructions.ts";
import { createHooks, type HookInput } from "../../src/session/hooks.ts";
import { openSpoolForHook } from "../../src/session/spool.ts";
import { type Event, type Mail, newSpool, runCommand, silence, TEXT, type TestSpool } from "../hooks/hook.ts";
import { startBroker } from "../support/broker.ts";
import { root } from "../support/folders.ts";
import { filesIn, startHost } from "../support/host.ts";
import { isSoak } from "../support/soak.ts";
import { until } from "../support/wait.ts";

// Each test has its own home, so they can run concurrently.
const test = inTurn.concurrent;

const PID = 4242;

let ids = 0;
const me = { pid: process.pid, newId: () => `id${ids++}`, steady: () => performance.now() };

/** Calls the tool as the host does, and confirms the answer. */
function toolHook(spool: TestSpool): (input: HookInput) => unknown {
  const hook = createHooks(openSpoolForHook(spool.home, PID, me), false, claude);
  return (input) => {
    const { answer, shown } = hook(input);
    shown();
    return answer;
  };
}

/** The visible state of a spool. */
const seen = (spool: TestSpool) => ({
  stages: spool.mailFiles().map((name) => name.split(".")[0]),
  state: spool.state(),
});

interface Case {
  event: Event;
  fields?: Record<string, unknown>;
  input?: HookInput;
  mail?: Mail | "none";
  /** Stage of an earlier mail file in the spool. */
  before?: "done" | "seen";
  delivery?: "block";
}

const mails: (Mail | "none")[] = [
  "none",
  {},
  { urgency: "interrupt" },
  { urgency: "low" },
  { mode: "block" },
  { late: true },
  { urgency: "interrupt", mode: "block", late: true },
];

const cases: Case[] = (
  [
    { event: "PreToolUse", input: { tool: "Bash" } },
    { event: "PreToolUse", input: { tool: "ToolSearch" }, fields: { tool_name: "ToolSearch" } },
    {
      event: "PreToolUse",
      input: { tool: "mcp__cct__cct_list_peers" },
      fields: { tool_name: "mcp__cct__cct_list_peers" },
    },
    { event: "PreToolUse", input: { tool: "Bash", agent: "a1b2" }, fields: { agent_id: "a1b2" } },
    { event: "PostToolBatch" },
    { event: "PostToolBatch", input: { agent: "a1b2" }, fields: { agent_id: "a1b2" } },
    { event: "UserPromptSubmit" },
    { event: "Stop" },
    { event: "StopFailure" },
    { event: "SessionEnd", input: { reason: "other" } },
    { event: "SessionEnd", input: { reason: "clear" }, fields: { reason: "clear" } },
  ] satisfies Case[]
).flatMap((one) =>
  mails.flatMap((mail) => [undefined, "done", "seen"].map((before) => ({ ...one, mail, before }) as Case)),
);

async function bothWays({ event, fields = {}, input = {}, mail = {}, before }: Case): Promise<[unknown, unknown]> {
  const prepared = (): TestSpool => {
    const spool = newSpool();
    spool.write("state", "active\n");
    // Only hosts with PostToolBatch have hooks as tool calls.
    spool.write("batches", "");
    if (before) {
      spool.write(`${before}.1-1`, 'normal inject message-0000:1\n"old"\nold\n');
      spool.write("due", "");
    }
    if (mail !== "none") spool.put(mail);
    return spool;
  };
  const [first, second] = [prepared(), prepared()];
  const run = await first.run(event, fields);
  expect(run).toMatchObject({ status: 0, stderr: "" });
  const answer = toolHook(second)({ event, agent: "${agent_id}", ...input });
  return [
    { answer: run.stdout === "" ? {} : JSON.parse(run.stdout), ...seen(first) },
    { answer, ...seen(second) },
  ];
}

test("a tool call answers like the bash hook, and leaves the spool in the same state", async () => {
  expect(cases.length).toBeGreaterThan(200);
  for (const one of cases) {
    const [asBash, asTool] = await bothWays(one);
    expect({ ...one, seen: asTool }).toEqual({ ...one, seen: asBash });
  }
});

describe("a tool call", () => {
  test("continues a turn at most three times", () => {
    const spool = newSpool();
    const hook = toolHook(spool);
    const given = [1, 2, 3, 4, 5].map(() => {
      spool.put();
      return JSON.stringify(hook({ event: "Stop" })) !== "{}";
    });
    expect(given).toEqual([true, true, true, false, true]);
  });

  test("allows only our own tools, and only if asked to", () => {
    const hook = toolHook(newSpool());
    const allowed = { hookSpecificOutput: { permissionDecision: "allow" } };
    const input = { event: "PreToolUse", tool: "mcp__plugin_cct_cct__cct_send_message" };
    expect(hook({ ...input, allow: "yes" })).toMatchObject(allowed);
    expect(hook(input)).toEqual({});
    for (const tool of ["Bash", "mcp__other__cct_send_message", "x mcp__cct__y", undefined, 3])
      expect(hook({ event: "PreToolUse", allow: "yes", tool })).toEqual({});
  });

  test("ignores a damaged mail file and unknown events", () => {
    const spool = newSpool();
    spool.write("mail", "normal inject message-0001:1\nno json\n");
    const hook = toolHook(spool);
    for (const event of ["PreToolUse", "UserPromptSubmit", "Stop", "Nonsense", undefined, 7])
      expect(hook({ event })).toEqual({});
  });

  test("stays silent when the spool is gone", () => {
    const spool = newSpool();
    const hook = toolHook(spool);
    rmSync(spool.home, { recursive: true });
    for (const event of ["PreToolUse", "PostToolBatch", "UserPromptSubmit", "Stop", "SessionEnd"])
      expect(hook({ event })).toEqual({});
  });

  test("counts mail as shown only after the host has the answer", () => {
    const spool = newSpool();
    spool.put();
    const { answer, shown } = createHooks(
      openSpoolForHook(spool.home, PID, me),
      false,
      claude,
    )({ event: "PreToolUse", tool: "Bash" });
    expect(answer).toMatchObject({ hookSpecificOutput: { additionalContext: TEXT } });
    expect(spool.stage()).toBe("taken");
    shown();
    expect(spool.stage()).toBe("done");
  });

  inTurn("works although the tool is not listed", async () => {
    const { home } = await startBroker();
    const [ann, ben] = [await startHost(home, "ann"), await startHost(home, "ben")];
    await Promise.all([ann.ready(), ben.ready()]);
    const { result } = await ben.request("tools/list");
    expect((result as { tools: { name: string }[] }).tools.map(({ name }) => name)).not.toContain("hook");
    expect((await ben.tool("hook", { event: "PreToolUse", tool: "Bash" })).text).toBe("{}");
    await ann.tool("cct_send_message", { to: "ben", text: "hello" });
    await ben.mail();
    expect((await ben.tool("hook", { event: "PreToolUse", tool: "Bash" })).text).toContain("| hello");
    await ben.tool("hook", { event: "PostToolBatch" });
    await ben.tool("hook", { event: "Stop" });
    await until("nothing is left of it", () =>
      filesIn(ben.spool).every((name) => !/^(mail|taken|done|seen|read)/.test(name)),
    );
  });
});

describe("the program cct hook", () => {
  const run = (spool: TestSpool, event: string, input: string, env: Record<string, string> = {}) => {
    const home = { HOME: join(spool.home, ".."), CCT_HOME: spool.home, CLAUDE_PID: String(PID) };
    const command = [process.execPath, join(root, "dist/bin.js"), "hook", event];
    return runCommand(command, { PATH: process.env.PATH, ...home, ...env }, input);
  };

  test("tells the host which file to watch, and the session server its conversation", async () => {
    const spool = newSpool({ unmade: true });
    const { status, stdout } = await run(spool, "SessionStart", '{"session_id":"s-1","source":"startup"}');
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      hookSpecificOutput: {
        hookEventName: "SessionStart",
        watchPaths: [join(spool.folder, "mail")],
        additionalContext: instructions(),
      },
    });
    expect([spool.note("session"), spool.state()]).toEqual(["s-1", "idle"]);
  });

  test("wakes an idle session exactly when the bash hook does", async () => {
    const environments = [{}, { CLAUDE_CODE_SESSION_ATTENDED: "0" }, { CLAUDE_CODE_ENTRYPOINT: "sdk-cli" }];
    const compare = async (state: string, mail: (typeof mails)[number], env: Record<string, string>) => {
      const [first, second] = [newSpool(), newSpool()];
      for (const spool of [first, second]) {
        spool.write("state", `${state}\n`);
        if (mail !== "none") spool.put(mail);
      }
      const asBash = await first.run("FileChanged", {}, { env });
      const asProgram = await run(second, "FileChanged", "{}", env);
      expect({ ...asProgram, stderr: asProgram.stderr.trim(), ...seen(second) }).toEqual({
        ...asBash,
        stderr: asBash.stderr.trim(),
        ...seen(first),
      });
    };
    for (const state of ["idle", "active", "ended"])
      for (const mail of mails) {
        // What the environment says of the host matters where an idle session has mail.
        const all = isSoak || (state === "idle" && mail !== "none");
        await Promise.all((all ? environments : environments.slice(0, 1)).map((env) => compare(state, mail, env)));
      }
  });

  test("fails open: never denies or wakes on an error", async () => {
    const spool = newSpool();
    for (const event of ["SessionStart", "Nonsense"])
      for (const input of ["", "{ cut"]) expect(await run(spool, event, input)).toEqual(silence);
    spool.write("mail", "no mail\n");
    expect(await run(spool, "FileChanged", "{}")).toEqual(silence);
    expect(await run(spool, "FileChanged", "{}", { CCT_HOME: "/dev/null/x" })).toEqual(silence);
  });
});
