/** What hooks report besides mail: dialogs and commands to the session server, and its death to the user. */
import { execFileSync } from "node:child_process";
import { describe, expect, test as inTurn } from "vitest";
import { askedIn } from "../../../src/rules/blocked-on.ts";
import { tempFolder } from "../../support/folders.ts";
import { type Event, hooksFile, input, newSpool, runCommand, said, silence, styles, type TestSpool } from "../hook.ts";

// Each test has a home of its own, so that they may run side by side.
const test = inTurn.concurrent;

/** Runs the hook that notes the start of a command. */
function startCommand(spool: TestSpool, shell: string): Promise<unknown> {
  const hook = hooksFile().PreToolUse?.find((entry) => entry.matcher === "Bash")?.hooks[0];
  const env = { PATH: process.env.PATH, CCT_HOME: spool.home, CLAUDE_PID: "4242" };
  return runCommand([shell, ...(hook?.args ?? [])], env, JSON.stringify(input("PreToolUse")));
}

/** The number of a process that has ended. */
const dead = (): string => execFileSync("bash", ["-c", "echo $$"], { encoding: "utf8" }).trim();

export function signalCases(shell: string): void {
  describe("a permission dialog", () => {
    test.each<Event>(["Stop", "UserPromptSubmit", "PostToolBatch", "StopFailure"])(
      "blocks an active session until %s",
      async (event) => {
        const spool = newSpool({ shell });
        await spool.run("UserPromptSubmit");
        expect(await spool.run("PermissionRequest")).toEqual(silence);
        expect(spool.state()).toBe("active");
        expect(await spool.run("PreToolUse")).toEqual(silence);
        expect(spool.note("dialog")).toMatch(/^open /);
        expect(await spool.run(event)).toEqual(silence);
        expect([spool.state(), spool.note("dialog")]).toEqual([event.startsWith("Stop") ? "idle" : "active", ""]);
      },
    );

    test("of a subagent leaves an idle session idle once it is answered", async () => {
      const spool = newSpool({ shell });
      await spool.run("SessionStart");
      for (const _dialog of [1, 2]) {
        const stdin = JSON.stringify(input("PermissionRequest", {}, "subagent"));
        expect(await spool.run("PermissionRequest", {}, { stdin })).toEqual(silence);
        expect([spool.state(), spool.note("dialog")]).toEqual(["idle", expect.stringMatching(/^open /)]);
      }
      const stdin = JSON.stringify(input("PostToolBatch", {}, "subagent"));
      expect(await spool.run("PostToolBatch", {}, { stdin })).toEqual(silence);
      expect([spool.state(), spool.note("dialog")]).toEqual(["idle", ""]);
    });

    test.each(Object.entries(styles))("says which tool asks for what (JSON %s)", async (_style, write) => {
      const spool = newSpool({ shell });
      const asked = async (fields: Record<string, unknown>) => {
        const stdin = write(input("PermissionRequest", { cwd: '/a "tool_name" b', ...fields }));
        expect(await spool.run("PermissionRequest", {}, { stdin })).toEqual(silence);
        return askedIn(spool.note("dialog")?.replace(/^open /, "") ?? "");
      };
      const command = `printf '%s\\n' "$HOME" $(id) \`id\` ünï ${"x".repeat(90_000)}`;
      const long = await asked({ tool_input: { command, description: "d" } });
      expect([long?.tool, long?.text?.slice(0, 1_000)]).toEqual(["Bash", command.slice(0, 1_000)]);
      // A shorter one over it.
      expect(await asked({ tool_name: "Edit", tool_input: { replace_all: false, file_path: "/b" } })).toEqual({
        tool: "Edit",
        text: "/b",
      });
      expect(await asked({ tool_name: undefined })).toBe(undefined);
    });

    test("of which the host says nothing is open all the same", async () => {
      const spool = newSpool({ shell });
      for (const stdin of ["", "nonsense", '{"tool_name"', "open"] as const) {
        await spool.run("PermissionRequest", {}, { stdin });
        expect(spool.note("dialog")).toMatch(/^open/);
        await spool.run("PostToolBatch");
      }
    });

    test("does not revive a session that has ended", async () => {
      const spool = newSpool({ shell });
      await spool.run("SessionEnd");
      await spool.run("PermissionRequest");
      expect(spool.state()).toBe("ended");
    });
  });

  describe("a command", () => {
    test.each<Event>(["Stop", "UserPromptSubmit", "PostToolBatch", "StopFailure"])(
      "is recorded when it starts and marked over at %s",
      async (event) => {
        const spool = newSpool({ shell });
        for (const _round of [1, 2]) {
          expect(await startCommand(spool, shell)).toEqual(silence);
          expect(spool.note("tool")).toBe("running");
          expect(await spool.run(event)).toEqual(silence);
          expect(spool.note("tool")).toBe("");
        }
      },
    );

    test("is not recorded where no session has started", async () => {
      const spool = newSpool({ shell, home: tempFolder(), unmade: true });
      expect(await startCommand(spool, shell)).toEqual(silence);
      expect(spool.note("tool")).toBe(undefined);
    });
  });

  describe("a dead session server", () => {
    const told = { systemMessage: expect.stringContaining("session server of this session has died") };

    test.each<Event>(["Stop", "UserPromptSubmit"])("is reported to the user at %s, once per death", async (event) => {
      const spool = newSpool({ shell });
      for (const pid of [dead(), dead()]) {
        spool.write("server", `${pid} 1234\n`);
        expect(said(await spool.run(event))).toEqual(told);
        expect(await spool.run(event)).toEqual(silence);
      }
    });

    test.each<Event>(["Stop", "UserPromptSubmit"])("does not delay mail at %s", async (event) => {
      const spool = newSpool({ shell });
      spool.write("server", `${dead()} 1234\n`);
      spool.put();
      expect(said(await spool.run(event))).toHaveProperty("hookSpecificOutput");
      expect(await spool.run("PostToolBatch")).toEqual(silence);
      expect(spool.mailFiles()).toHaveLength(1);
    });

    test.each<Event>(["Stop", "UserPromptSubmit"])(
      "is not reported if the process lives or its record is unreadable (%s)",
      async (event) => {
        for (const server of [`${process.pid} 1234\n`, "", "nonsense\n", "0 1\n", "-1 1\n", "12", "1;exit 2 1\n"]) {
          const spool = newSpool({ shell });
          spool.write("server", server);
          expect(await spool.run(event)).toEqual(silence);
        }
      },
    );
  });
}
