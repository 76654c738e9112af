/** What the user sees of mail in the terminal: the host shows a hook's `systemMessage`. The mail itself is the model's. */
import { describe, expect, test as inTurn } from "vitest";
import { beside, denied, type Event, newSpool, said, silence } from "../hook.ts";

// Each test has a home of its own, so that they may run side by side.
const test = inTurn.concurrent;

const line = 'CCT mail from shop: "which port %s \\ ünï…';

export function userLineCases(shell: string): void {
  const spoolWith = (mail: Parameters<ReturnType<typeof newSpool>["put"]>[0]) => {
    const spool = newSpool({ shell });
    spool.put(mail);
    return spool;
  };

  describe("the user sees a line", () => {
    test.each<Event>(["PreToolUse", "PostToolBatch", "UserPromptSubmit", "Stop"])(
      "of the mail that is given at %s",
      async (event) => {
        expect(said(await spoolWith({ line }).run(event))).toEqual({ ...beside(event), systemMessage: line });
        expect(said(await spoolWith({ line: "" }).run(event))).toEqual(beside(event));
      },
    );

    test("of the mail that held back a call", async () => {
      const spool = spoolWith({ line, urgency: "interrupt" });
      expect(said(await spool.run("PreToolUse"))).toEqual({ ...denied(), systemMessage: line });
    });

    test("of the mail that woke the session, once, when the host begins the turn", async () => {
      const spool = spoolWith({ line });
      expect((await spool.run("FileChanged")).status).toBe(2);
      expect(said(await spool.run("UserPromptSubmit"))).toEqual({ systemMessage: line });
      expect(await spool.run("UserPromptSubmit")).toEqual(silence);
    });

    test("of both, when more mail comes with the turn that mail woke", async () => {
      const spool = spoolWith({ line });
      expect((await spool.run("FileChanged")).status).toBe(2);
      spool.put({ line: "CCT mail from api: more" });
      const systemMessage = `${line}\nCCT mail from api: more`;
      expect(said(await spool.run("UserPromptSubmit"))).toEqual({ ...beside("UserPromptSubmit"), systemMessage });
    });
  });

  test("mail that an earlier session server wrote, without a line, is given whole", async () => {
    for (const event of ["PreToolUse", "UserPromptSubmit"] as const) {
      const spool = newSpool({ shell });
      spool.write("mail", 'normal inject message-0001:1\n"a\\nb"\na\nb\n');
      expect(said(await spool.run(event))).toEqual(beside(event, "a\nb"));
    }
    const spool = newSpool({ shell });
    spool.write("mail", 'normal inject message-0001:1\n"a\\nb"\na\nb\n');
    expect(await spool.run("FileChanged")).toMatchObject({ status: 2, stderr: "a\nb\n" });
  });
}
