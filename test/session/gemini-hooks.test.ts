/** The hooks of Gemini CLI as it runs them, on a spool: which of them brings mail, and what proves that it was read. */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { gemini } from "../../src/hosts/gemini.ts";
import { hooksOf } from "../../src/hosts/hooks-file.ts";
import { scriptFor } from "../../src/hosts/script.ts";
import { prepareHome } from "../../src/platform/home.ts";
import { writeSpool } from "../../src/rules/spoolfile.ts";
import { MAIL_RINGS } from "../../src/rules/texts/frames.ts";
import { openSpool } from "../../src/session/spool.ts";
import { root, tempHome } from "../support/folders.ts";

/** A session whose host is this process. */
function session() {
  const home = tempHome();
  prepareHome(home, process.getuid?.() ?? 0, true);
  const script = join(home, "mail.sh");
  writeFileSync(script, scriptFor(readFileSync(join(root, "plugin/hooks/mail.sh"), "utf8"), gemini));
  let id = 0;
  const spool = openSpool(home, process.pid, { pid: process.pid, newId: () => `id${id++}`, steady: () => 0 });
  const hooks = hooksOf(gemini, script);
  spool.writeState("idle", home);
  spool.write("attended", "yes");
  return {
    spool,
    send(urgency: "normal" | "low" = "normal") {
      spool.put(writeSpool({ urgency, mode: "inject", late: false, nowake: false, claims: [] }, "the text"));
    },
    /** Runs an event's hooks, and returns the answer of the one that gives one. */
    run(event: string, { tool, input = {} }: { tool?: string; input?: object } = {}): unknown {
      const entries = (hooks[event] ?? []).filter(({ matcher }) => !matcher || !tool || new RegExp(matcher).test(tool));
      const answers = entries.flatMap((entry) =>
        entry.hooks.flatMap(({ command, args }) => {
          const env = { CCT_HOME: home, PATH: process.env.PATH, SHLVL: "1", GEMINI_SESSION_ID: "conversation-2" };
          const { stdout, stderr } = spawnSync(command, args, { env, input: JSON.stringify(input), encoding: "utf8" });
          expect(stderr).toBe("");
          return stdout === "" ? [] : [JSON.parse(stdout)];
        }),
      );
      expect(answers.length).toBeLessThan(2);
      return answers[0];
    },
    /** How far the mail is. */
    stage: () => [
      ...(existsSync(join(spool.folder, "mail")) ? ["mail"] : []),
      ...readdirSync(spool.folder).flatMap((name) => /^(taken|done|seen|read)\./.exec(name)?.[1] ?? []),
    ],
  };
}

const context = (event: string) => ({ hookSpecificOutput: { hookEventName: event, additionalContext: "the text" } });
const ended = (prompt_response = "an answer") => ({ input: { prompt: "p", prompt_response, stop_hook_active: false } });
const shell = { tool: "run_shell_command" };

test("mail beside a tool is read when the model has called another one, or has ended its turn", () => {
  for (const last of ["AfterTool", "AfterAgent"]) {
    const { send, run, stage } = session();
    run("BeforeAgent");
    send();
    expect(run("AfterTool", shell)).toEqual(context("AfterTool"));
    // Another tool of the same request.
    expect(run("AfterTool", shell)).toBeUndefined();
    expect(stage()).toEqual(["done"]);
    run("BeforeModel");
    // The request is repeated.
    run("BeforeModel");
    expect(stage()).toEqual(["seen"]);
    expect(run(last, last === "AfterTool" ? shell : ended())).toBeUndefined();
    expect(stage()).toEqual(["read"]);
  }
});

test("mail with a prompt is not read before the answer, and is put back where none comes", () => {
  for (const [answer, stageThen] of [
    ["words", "read"],
    ["[no response text]", "taken"],
  ]) {
    const { send, run, stage } = session();
    send();
    expect(run("BeforeAgent")).toEqual(context("BeforeAgent"));
    run("BeforeModel");
    expect(stage()).toEqual(["seen"]);
    run("AfterAgent", ended(answer));
    expect(stage()).toEqual([stageThen]);
  }
});

test("mail that was in no request when a turn ends is put back", () => {
  const { send, run, stage } = session();
  send();
  run("BeforeAgent");
  run("AfterAgent", ended());
  expect(stage()).toEqual(["taken"]);
});

test("a turn's end begins another for mail, three times in a row, and says no word of it", () => {
  const { send, run, stage } = session();
  run("BeforeAgent");
  for (let i = 0; i < 3; i++) {
    send();
    expect(run("AfterAgent", ended())).toMatchObject({ decision: "deny", reason: MAIL_RINGS });
    expect(stage()).toContain("mail");
    expect(run("BeforeAgent")).toEqual(context("BeforeAgent"));
    run("BeforeModel");
  }
  send();
  expect(run("AfterAgent", ended())).toBeUndefined();
  expect(stage()).toContain("mail");
});

test("nothing begins a turn after one without an answer, for low mail, or in gemini -p", () => {
  const { spool, send, run } = session();
  run("BeforeAgent");
  send("low");
  expect(run("AfterAgent", ended())).toBeUndefined();
  send();
  expect(run("AfterAgent", ended("[no response text]"))).toBeUndefined();
  spool.write("attended", "");
  expect(run("AfterAgent", ended())).toBeUndefined();
});

test("no mail goes to a subagent, and none is read by its requests", () => {
  const { send, run, stage } = session();
  const agent = { tool: "invoke_agent" };
  run("BeforeAgent");
  run("BeforeTool", agent);
  run("BeforeTool", agent);
  send();
  expect(run("AfterTool", shell)).toBeUndefined();
  run("AfterTool", agent);
  expect(run("AfterTool", shell)).toBeUndefined();
  run("BeforeModel");
  expect(stage()).toEqual(["mail"]);
  run("AfterTool", agent);
  expect(run("AfterTool", shell)).toEqual(context("AfterTool"));
  // One that was interrupted does not count in the next turn.
  run("BeforeTool", agent);
  run("BeforeModel");
  expect(stage()).toEqual(["done"]);
  run("BeforeAgent");
  run("BeforeModel");
  expect(stage()).toEqual(["seen"]);
});

test("a prompt tells a conversation that was chosen without a hook of its start", () => {
  const { spool, run } = session();
  spool.write("session", "conversation-1");
  run("BeforeAgent");
  spool.refresh();
  expect(spool.sessionId()).toBe("conversation-2");
  expect(spool.state()).toBe("active");
});
