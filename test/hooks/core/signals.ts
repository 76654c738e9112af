/** What hooks report besides mail: dialogs and commands to the session server, and its death to the user. */
import { execFileSync } from "node:child_process";
import { describe, expect, test as inTurn } from "vitest";
import { tempFolder } from "../../support/folders.ts";
import { type Event, hooksFile, input, newSpool, runCommand, said, silence, type TestSpool } from "../hook.ts";

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
        expect(spool.note("state")).toBe("blocked active");
        expect(await spool.run("PreToolUse")).toEqual(silence);
        expect(spool.note("state")).toBe("blocked active");
        expect(await spool.run(event)).toEqual(silence);
        expect(spool.note("state")).toBe(event.startsWith("Stop") ? "idle" : "active");
      },
    );

    test("of a subagent leaves an idle session idle once it is answered", async () => {
      const spool = newSpool({ shell });
      await spool.run("SessionStart");
      for (const _dialog of [1, 2]) {
        const stdin = JSON.stringify(input("PermissionRequest", {}, "subagent"));
        expect(await spool.run("PermissionRequest", {}, { stdin })).toEqual(silence);
        expect(spool.note("state")).toBe("blocked idle");
      }
      const stdin = JSON.stringify(input("PostToolBatch", {}, "subagent"));
      expect(await spool.run("PostToolBatch", {}, { stdin })).toEqual(silence);
      expect(spool.note("state")).toBe("idle");
    });

    test("does not revive a session that has ended", async () => {
      const spool = newSpool({ shell });
      await spool.run("SessionEnd");
      await spool.run("PermissionRequest");
      expect(spool.note("state")).toBe("ended");
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
          expect(spool.note("tool")).toBe("over");
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
