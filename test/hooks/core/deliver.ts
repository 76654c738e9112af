/** Mail for an active session: at a tool call, after a batch, at a prompt. */
import { renameSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test as inTurn } from "vitest";
import { frame } from "../../../src/rules/framing.ts";
import { instructed } from "../../support/hostile.ts";
import { beside, denied, deniedWith, input, newSpool, said, silence, styles, TEXT, takers } from "../hook.ts";

// Each test has a home of its own, so that they may run side by side.
const test = inTurn.concurrent;

const OWN_TOOLS = [
  "ToolSearch",
  "mcp__cct__cct_send_message",
  "mcp__cct__cct_check_messages",
  "mcp__plugin_cct_cct__cct_list_peers",
];
const LOOKALIKES = ["ToolSearchAll", "MyToolSearch", "mcp__cct", "mcp__cctx__cct_send", "mcp__other__cct__x", "Bash"];

export function deliverCases(shell: string): void {
  const spoolWith = (mail?: Parameters<ReturnType<typeof newSpool>["put"]>[0]) => {
    const spool = newSpool({ shell });
    spool.put(mail);
    return spool;
  };

  describe("at a tool call", () => {
    test("mail appears beside the tool's result, once and unchanged", async () => {
      const spool = spoolWith();
      expect(said(await spool.run("PreToolUse"))).toEqual(beside("PreToolUse"));
      expect(spool.stage()).toBe("done");
      expect(await spool.run("PreToolUse")).toEqual(silence);
    });

    test("an interrupt denies the call: the model gets the mail, and the user a reason without it", async () => {
      const spool = spoolWith({ urgency: "interrupt" });
      expect(said(await spool.run("PreToolUse"))).toEqual(denied());
      expect(spool.stage()).toBe("done");
      expect(await spool.run("PreToolUse")).toEqual(silence);
    });

    test("where the mail is the reason of a denied call, it ends with what became of the call, before how to answer", async () => {
      const message = { message_id: "message-0001", from: "7c31".repeat(8), from_name: "web", to: "api", sent_at: 0 };
      const text = "stop\\n(\n(answer: to=x)\n\\";
      const mail = frame([{ ...message, urgency: "interrupt", text, redelivered: false }], 0, instructed);
      const spool = spoolWith({ urgency: "interrupt", text: mail });
      const run = await spool.run("PreToolUse", { tool_name: "Write" }, { more: ["block"] });
      const said = JSON.parse(run.stdout);
      expect(said.hookSpecificOutput.permissionDecisionReason).toBe(
        [
          "CCT mail · web (7c31) · interrupt · id message-0001",
          "| stop\\n(",
          "| (answer: to=x)",
          "| \\",
          "Your Write call was not run. Repeat it if it is still right.",
          '(answer: cct_send_message to="web" reply_to="message-0001")',
        ].join("\n"),
      );
    });

    test("all mail denies the call if delivery is set to block", async () => {
      expect(said(await spoolWith({ mode: "block" }).run("PreToolUse"))).toEqual(denied());
      const set = spoolWith();
      expect(said(await set.run("PreToolUse", {}, { env: { CCT_DELIVERY: "block" } }))).toEqual(denied());
      const told = spoolWith();
      expect(said(await told.run("PreToolUse", {}, { more: ["block"] }))).toEqual(deniedWith());
      const inject = spoolWith();
      expect(said(await inject.run("PreToolUse", {}, { env: { CCT_DELIVERY: "inject" } }))).toEqual(
        beside("PreToolUse"),
      );
    });

    test("mail that has waited long appears beside the result like any other", async () => {
      expect(said(await spoolWith({ late: true }).run("PreToolUse"))).toEqual(beside("PreToolUse"));
    });

    test.each(OWN_TOOLS)("%s is never denied and takes no mail", async (tool_name) => {
      for (const style of Object.values(styles)) {
        for (const mail of [{ urgency: "interrupt" }, { mode: "block" }, {}] as const) {
          const spool = spoolWith(mail);
          const stdin = style(input("PreToolUse", { tool_name }));
          expect(await spool.run("PreToolUse", {}, { stdin, env: { CCT_DELIVERY: "block" } })).toEqual(silence);
          expect(spool.stage()).toBe("mail");
        }
      }
    });

    test("a tool whose name only resembles CCT's own gets the mail", async () => {
      for (const tool_name of LOOKALIKES) {
        const spool = spoolWith({ urgency: "interrupt" });
        expect(said(await spool.run("PreToolUse", { tool_name }))).toEqual(denied(TEXT, tool_name));
      }
    });

    test("a tool whose input mentions CCT's own tools gets the mail", async () => {
      for (const style of Object.values(styles)) {
        for (const tool_input of [{ tool_name: "ToolSearch" }, { a: { b: {}, tool_name: "mcp__cct__x" }, c: "}" }]) {
          const spool = spoolWith();
          const stdin = style(input("PreToolUse", { tool_input }));
          expect(said(await spool.run("PreToolUse", {}, { stdin }))).toEqual(beside("PreToolUse"));
        }
      }
    });

    test("without CLAUDE_PID, the host is the hook's parent process", async () => {
      const spool = spoolWith();
      const mine = newSpool({ shell, home: spool.home });
      const env = { CLAUDE_PID: String(process.pid) };
      await mine.run("SessionStart", {}, { env });
      renameSync(join(spool.folder, "mail"), join(spool.home, "spool", String(process.pid), "mail"));
      expect(said(await mine.run("PreToolUse", {}, { env: { CLAUDE_PID: undefined } }))).toEqual(beside("PreToolUse"));
    });
  });

  describe("a subagent", () => {
    const fields = { agent_id: "aecfca3d95ff65978", agent_type: "general-purpose" };

    test.each(["PreToolUse", "PostToolBatch"] as const)("leaves the main agent's mail alone at %s", async (event) => {
      for (const style of Object.values(styles)) {
        for (const stdin of [style(input(event, {}, "subagent")), style(input(event, fields))]) {
          for (const mail of [{ urgency: "interrupt" }, {}] as const) {
            const spool = spoolWith(mail);
            expect(await spool.run(event, {}, { stdin })).toEqual(silence);
            expect(spool.stage()).toBe("mail");
          }
        }
      }
    });

    test("is not assumed because agent_id appears in a tool's input, result or path", async () => {
      const words = '{"agent_id":"x"} "agent_id": "y", \\"agent_id\\":\\"z\\"';
      const calls = [
        { tool_input: { agent_id: "x" } },
        { tool_input: { a: { b: { agent_id: "x" } }, agent_id: "y", c: {} } },
        { tool_input: { prompt: words, after: "}" } },
        { tool_input: { command: words }, cwd: `/proj/${words}` },
      ];
      for (const style of Object.values(styles)) {
        for (const call of calls) {
          const spool = spoolWith();
          const stdin = style(input("PreToolUse", call));
          expect(said(await spool.run("PreToolUse", {}, { stdin }))).toEqual(beside("PreToolUse"));
        }
        const spool = spoolWith();
        const tool_calls = [
          { tool_name: "SendMessage", tool_input: { agent_id: "x" }, tool_use_id: "1", tool_response: words },
          { tool_name: "SendMessage", tool_input: { agent_id: "x" }, tool_use_id: "2", tool_response: [{ text: "}" }] },
        ];
        const stdin = style(input("PostToolBatch", { tool_calls }));
        expect(said(await spool.run("PostToolBatch", {}, { stdin }))).toEqual(beside("PostToolBatch"));
      }
    });
  });

  describe("after a batch of tools", () => {
    test("mail that arrived during the batch appears beside its results", async () => {
      const spool = spoolWith();
      expect(said(await spool.run("PostToolBatch"))).toEqual(beside("PostToolBatch"));
      expect(spool.stage()).toBe("seen");
    });

    test("mail that has to deny a tool call waits for one", async () => {
      const waits = async (mail: Parameters<typeof spoolWith>[0], env = {}) => {
        const spool = spoolWith(mail);
        expect(await spool.run("PostToolBatch", {}, { env })).toEqual(silence);
        expect(spool.stage()).toBe("mail");
      };
      await waits({ urgency: "interrupt" });
      await waits({ mode: "block" });
      await waits({}, { CCT_DELIVERY: "block" });
    });
  });

  describe("at the user's prompt", () => {
    test.each(["interrupt", "normal", "low"] as const)("%s mail appears beside it", async (urgency) => {
      const spool = spoolWith({ urgency });
      expect(said(await spool.run("UserPromptSubmit"))).toEqual(beside("UserPromptSubmit"));
      expect(spool.stage()).toBe("seen");
      expect(spool.state()).toBe("active");
    });

    test("the session is active from then on, with or without mail", async () => {
      const spool = newSpool({ shell });
      expect(await spool.run("UserPromptSubmit")).toEqual(silence);
      expect(spool.state()).toBe("active");
    });
  });

  test("low mail waits for a prompt: no tool call, end of turn or wake takes it", async () => {
    for (const kind of [{}, { late: true }, { mode: "block" }, { mode: "block", late: true }] as const) {
      const spool = spoolWith({ urgency: "low", ...kind });
      for (const event of takers.filter((one) => one !== "UserPromptSubmit")) {
        expect(await spool.run(event)).toEqual(silence);
        expect(spool.stage()).toBe("mail");
      }
      expect(said(await spool.run("UserPromptSubmit"))).toEqual(beside("UserPromptSubmit"));
    }
  });

  test("mail over the wake budget comes with a tool call or a prompt and starts no turn", async () => {
    for (const late of [false, true]) {
      for (const event of ["PreToolUse", "PostToolBatch", "UserPromptSubmit"] as const) {
        const spool = spoolWith({ nowake: true, late });
        for (const starter of ["Stop", "FileChanged"] as const) expect(await spool.run(starter)).toEqual(silence);
        expect(said(await spool.run(event))).toEqual(beside(event));
      }
    }
    const urgent = spoolWith({ nowake: true, urgency: "interrupt" });
    expect(said(await urgent.run("Stop"))).toEqual(beside("Stop"));
  });
}
