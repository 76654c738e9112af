/** A session's start and end: the spool folder that the host watches, and the signal files about the session. */
import { existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test as inTurn } from "vitest";
import { instructions, type Self } from "../../../src/rules/texts/instructions.ts";
import { tempFolder } from "../../support/folders.ts";
import { events, input, newSpool, said, silence, styles } from "../hook.ts";

// Each test has a home of its own, so that they may run side by side.
const test = inTurn.concurrent;

const STRANGE_HOMES = [
  "with blanks  in it",
  `single ' and double "`,
  "back\\slash \\\\ and \\n",
  "dollar $HOME ${x} $(id)",
  "back`tick` and ; & | > *",
  "percent %s %d, [a-z]? and !",
  "ünïcode ✓ 日本 😀",
  "-starts-like-an-option",
];

const started = (folder: string, self?: Self) => ({
  hookSpecificOutput: {
    hookEventName: "SessionStart",
    watchPaths: [join(folder, "mail")],
    additionalContext: instructions(self),
  },
});

export function lifeCases(shell: string): void {
  describe("at the start of a session", () => {
    test("its spool folder is created for its owner only, and the host is asked to watch it", async () => {
      const spool = newSpool({ shell, unmade: true });
      // A wide umask of the user's must not open what holds mail.
      const within = (command: string[]) => ["sh", "-c", 'umask 000; exec "$@"', "sh", ...command];
      expect(said(await spool.run("SessionStart", {}, { within }))).toEqual(started(spool.folder));
      for (const folder of [spool.home, join(spool.home, "spool"), spool.folder]) {
        expect(statSync(folder).mode & 0o777).toBe(0o700);
      }
      expect(statSync(join(spool.folder, "state")).mode & 0o777).toBe(0o600);
    });

    test.each(STRANGE_HOMES)("the home may be named: %s", async (name) => {
      const home = join(tempFolder(), name, "home");
      const spool = newSpool({ shell, home, unmade: true });
      expect(said(await spool.run("SessionStart"))).toEqual(started(spool.folder));
      expect(existsSync(spool.folder)).toBe(true);
      spool.put();
      said(await spool.run("PreToolUse"));
      expect(spool.stage()).toBe("done");
    });

    test("its model is told what CCT is, and once the session has a name by which others know it, also that", async () => {
      const spool = newSpool({ shell });
      const { home } = spool;
      const flags = join(home, "flags");
      mkdirSync(flags, { mode: 0o700 });
      const line = (server: number, name: string): void =>
        writeFileSync(
          join(flags, "4242"),
          `1800000000 ${server} ${"dd5c".repeat(8)} ${name} up live idle 0 0 0 - 0 -\n`,
        );
      const start = async (): Promise<unknown> => said(await spool.run("SessionStart", { source: "clear" }));
      // Nobody says who it is: just started.
      expect(await start()).toEqual(started(spool.folder));
      expect(spool.note("instructed")).toBe("-");
      spool.write("server", `${process.pid} 1\n`);
      expect(await start()).toEqual(started(spool.folder));
      line(process.pid, "-");
      expect(await start()).toEqual(started(spool.folder));
      line(process.pid, "api-2.x");
      expect(await start()).toEqual(started(spool.folder, { name: "api-2.x", id: "dd5c" }));
      expect(spool.note("instructed")).toBe("api-2.x");
      // Left behind by another session server.
      line(process.pid + 1, "web");
      expect(await start()).toEqual(started(spool.folder));
      line(process.pid, 'x"}');
      expect(await start()).toEqual(started(spool.folder));
      expect(spool.note("instructed")).toBe("-");
    });

    test("waiting mail is left for a later hook, whose output the model sees", async () => {
      const spool = newSpool({ shell });
      spool.put({ urgency: "interrupt" });
      said(await spool.run("SessionStart"));
      expect(spool.stage()).toBe("mail");
    });

    test("the conversation's id replaces the previous one, whatever its length", async () => {
      const spool = newSpool({ shell });
      for (const style of Object.values(styles)) {
        for (const session_id of ["5671a0b2-0000-4000-8000-000000000001", "short", "a-longer-one-than-before"]) {
          const stdin = style(input("SessionStart", { session_id }));
          said(await spool.run("SessionStart", {}, { stdin }));
          expect(spool.note("session")).toBe(session_id);
        }
      }
    });

    test.each(["startup", "clear", "resume"])("it is marked idle (%s)", async (source) => {
      const spool = newSpool({ shell });
      await spool.run("UserPromptSubmit");
      for (const style of Object.values(styles)) {
        await spool.run("SessionStart", {}, { stdin: style(input("SessionStart", { source })) });
        expect(spool.state()).toBe("idle");
      }
    });

    test("a compaction keeps it active or idle, as it was", async () => {
      for (const style of Object.values(styles)) {
        const spool = newSpool({ shell });
        const stdin = style(input("SessionStart", { source: "compact" }));
        await spool.run("UserPromptSubmit");
        said(await spool.run("SessionStart", {}, { stdin }));
        expect(spool.state()).toBe("active");
        await spool.run("Stop");
        said(await spool.run("SessionStart", {}, { stdin }));
        expect(spool.state()).toBe("idle");
      }
    });
  });

  describe("at the end of a session", () => {
    test.each(["other", "logout", "prompt_input_exit"])("it is marked ended (%s)", async (reason) => {
      const spool = newSpool({ shell });
      await spool.run("SessionStart");
      expect(await spool.run("SessionEnd", { reason })).toEqual(silence);
      expect(spool.state()).toBe("ended");
    });

    test.each(["clear", "resume"])("%s does not end it: the same process continues", async (reason) => {
      for (const style of Object.values(styles)) {
        const spool = newSpool({ shell });
        await spool.run("SessionStart");
        const stdin = style(input("SessionEnd", { reason }));
        expect(await spool.run("SessionEnd", {}, { stdin })).toEqual(silence);
        expect(spool.state()).toBe("idle");
      }
    });

    test("mail stays in the spool", async () => {
      const spool = newSpool({ shell });
      await spool.run("SessionStart");
      spool.put();
      await spool.run("SessionEnd");
      expect(spool.stage()).toBe("mail");
    });
  });

  describe("a session without mail", () => {
    test.each(events.filter((event) => event !== "SessionStart"))("%s prints nothing", async (event) => {
      expect(await newSpool({ shell }).run(event)).toEqual(silence);
    });

    test.each(events.filter((event) => event !== "SessionStart"))(
      "%s creates nothing if no session has started",
      async (event) => {
        const spool = newSpool({ shell, unmade: true });
        expect(await spool.run(event)).toEqual(silence);
        expect(existsSync(spool.home)).toBe(false);
      },
    );
  });

  test("the user's shell start-up files are not read", async () => {
    const spool = newSpool({ shell });
    const ran = join(spool.home, "rc-ran");
    for (const name of [".bashrc", ".bash_profile", ".profile"]) {
      writeFileSync(join(spool.home, "..", name), `echo from ${name}; echo x >>'${ran}'\n`);
    }
    // Without SHLVL, and with a socket as its input, bash takes itself for a remote login.
    const env = { SHLVL: undefined, SSH_CLIENT: "192.0.2.1 1 22" };
    spool.put();
    expect(said(await spool.run("PreToolUse", {}, { env }))).toHaveProperty("hookSpecificOutput");
    expect(await spool.run("Stop", {}, { env })).toEqual(silence);
    expect(existsSync(ran)).toBe(false);
  });
}
