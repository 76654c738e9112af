/** The hook that the host runs when the mail file changes: status 2 and text on standard error wake an idle session. */
import { describe, expect, test as inTurn } from "vitest";
import { beside, type HookRun, newSpool, said, silence, TEXT, UNATTENDED } from "../hook.ts";

// Each test has a home of its own, so that they may run side by side.
const test = inTurn.concurrent;

const woken: HookRun = { status: 2, signal: null, stdout: "", stderr: `${TEXT}\n` };

export function wakeCases(shell: string): void {
  describe("mail that arrives", () => {
    test("wakes a session that has just started", async () => {
      const spool = newSpool({ shell });
      await spool.run("SessionStart");
      spool.put();
      expect(await spool.run("FileChanged")).toEqual(woken);
      expect(spool.stage()).toBe("done");
    });

    test("wakes a session whose turn is over, once", async () => {
      const spool = newSpool({ shell });
      await spool.run("UserPromptSubmit");
      await spool.run("Stop");
      spool.put({ urgency: "interrupt" });
      const env = { CLAUDE_CODE_SESSION_ATTENDED: "1", CLAUDE_CODE_ENTRYPOINT: "cli" };
      expect(await spool.run("FileChanged", {}, { env })).toEqual(woken);
      // Taking the file away is a change too.
      expect(await spool.run("FileChanged", { event: "unlink" }, { env })).toEqual(silence);
    });

    test("wakes a session whose turn ended with an error", async () => {
      const spool = newSpool({ shell });
      await spool.run("UserPromptSubmit");
      await spool.run("StopFailure");
      spool.put({ mode: "block" });
      expect(await spool.run("FileChanged")).toEqual(woken);
    });

    test("does not wake an active session, even as an interrupt", async () => {
      for (const urgency of ["interrupt", "normal"] as const) {
        const spool = newSpool({ shell });
        await spool.run("UserPromptSubmit");
        spool.put({ urgency });
        expect(await spool.run("FileChanged")).toEqual(silence);
        expect(spool.stage()).toBe("mail");
      }
    });

    test("wakes a session that is marked active but took nothing for long", async () => {
      for (const mode of ["inject", "block"] as const) {
        const spool = newSpool({ shell });
        await spool.run("UserPromptSubmit");
        spool.put({ mode, late: true });
        expect(await spool.run("FileChanged")).toEqual(woken);
      }
    });

    test("never wakes at low urgency, and never wakes a session that has ended", async () => {
      for (const late of [false, true]) {
        const calm = newSpool({ shell });
        await calm.run("SessionStart");
        calm.put({ urgency: "low", late });
        expect(await calm.run("FileChanged")).toEqual(silence);
        expect(calm.stage()).toBe("mail");

        const over = newSpool({ shell });
        await over.run("SessionStart");
        await over.run("SessionEnd");
        over.put({ urgency: "interrupt", late });
        expect(await over.run("FileChanged")).toEqual(silence);
        expect(over.stage()).toBe("mail");
      }
    });

    test.each(UNATTENDED)("waits for a tool call where the host would drop a wake: %o", async (env) => {
      const spool = newSpool({ shell });
      await spool.run("SessionStart");
      spool.put();
      expect(await spool.run("FileChanged", {}, { env })).toEqual(silence);
      expect(spool.stage()).toBe("mail");
      expect(said(await spool.run("PreToolUse", {}, { env }))).toEqual(beside("PreToolUse"));
    });
  });
}
