/** Mail at the end of a turn: it continues the turn, or leaves it to a wake. */
import { describe, expect, test as inTurn } from "vitest";
import { beside, newSpool, said, silence, TEXT, UNATTENDED } from "../hook.ts";

// Each test has a home of its own, so that they may run side by side.
const test = inTurn.concurrent;

export function turnEndCases(shell: string): void {
  const spoolWith = (mail?: Parameters<ReturnType<typeof newSpool>["put"]>[0]) => {
    const spool = newSpool({ shell });
    spool.put(mail);
    return spool;
  };

  describe("at the end of the turn", () => {
    const blocked = { decision: "block", reason: TEXT };

    test("mail continues the turn", async () => {
      const spool = spoolWith();
      await spool.run("UserPromptSubmit");
      spool.put();
      expect(said(await spool.run("Stop"))).toEqual(beside("Stop"));
      expect(spool.state()).toBe("active");
    });

    test("mail is the reason to block for a host that accepts no context there", async () => {
      const spool = spoolWith({ urgency: "interrupt" });
      expect(said(await spool.run("Stop", {}, { more: ["block"] }))).toEqual(blocked);
      expect(spool.stage()).toBe("seen");
      const unattended = spoolWith({ mode: "stop" });
      const env = { CLAUDE_CODE_SESSION_ATTENDED: "0" };
      expect(said(await unattended.run("Stop", {}, { more: ["block"], env }))).toEqual(blocked);
    });

    test.each(UNATTENDED)(
      "mail waits in an unattended session, whose last words are a program's output: %o",
      async (env) => {
        for (const more of [{}, { more: ["block"] }]) {
          const spool = spoolWith({ urgency: "interrupt" });
          await spool.run("UserPromptSubmit", {}, { env, stdin: "" });
          spool.put({ urgency: "interrupt" });
          expect(await spool.run("Stop", {}, { env, ...more })).toEqual(silence);
          expect(spool.mailFiles()).toContain("mail");
          expect(spool.state()).toBe("idle");
        }
      },
    );

    test.each(UNATTENDED)("mail continues the turn of an unattended session that asks for it: %o", async (env) => {
      expect(said(await spoolWith({ mode: "stop" }).run("Stop", {}, { env }))).toEqual(beside("Stop"));
      const asks = { ...env, CCT_DELIVERY: "stop" };
      expect(said(await spoolWith().run("Stop", {}, { env: asks }))).toEqual(beside("Stop"));
    });

    test("without mail the turn ends and the session is idle", async () => {
      const spool = newSpool({ shell });
      await spool.run("UserPromptSubmit");
      expect(await spool.run("Stop")).toEqual(silence);
      expect(spool.state()).toBe("idle");
    });

    test("mail continues the turn three times in a row; then the turn ends and mail can wake the session", async () => {
      for (const more of [undefined, ["block"]]) {
        const spool = newSpool({ shell });
        await spool.run("UserPromptSubmit");
        for (let i = 0; i < 3; i++) {
          spool.put();
          said(await spool.run("Stop", { stop_hook_active: i > 0 }, more ? { more } : {}));
        }
        spool.put();
        expect(await spool.run("Stop", { stop_hook_active: true }, more ? { more } : {})).toEqual(silence);
        expect(spool.mailFiles()).toContain("mail");
        expect(spool.state()).toBe("idle");
        expect((await spool.run("FileChanged")).status).toBe(2);
      }
    });

    test("the count starts again after a prompt or a turn that ended without mail", async () => {
      const spool = newSpool({ shell });
      for (const between of ["UserPromptSubmit", "Stop"] as const) {
        for (let i = 0; i < 3; i++) {
          spool.put();
          said(await spool.run("Stop"));
        }
        await spool.run(between);
      }
      spool.put();
      expect(said(await spool.run("Stop"))).toEqual(beside("Stop"));
    });

    test("an API error ends the turn: no mail is taken, and the session is idle", async () => {
      const spool = newSpool({ shell });
      await spool.run("UserPromptSubmit");
      spool.put({ urgency: "interrupt" });
      expect(await spool.run("StopFailure")).toEqual(silence);
      expect(spool.stage()).toBe("mail");
      expect(spool.state()).toBe("idle");
    });
  });
}
