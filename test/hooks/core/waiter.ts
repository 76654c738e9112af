/** The waiter: a hook that waits to be poked, wakes the session with status 2, and exits with it. */
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test as inTurn } from "vitest";
import { readIfThere } from "../../../src/platform/files.ts";
import { isAlive } from "../../../src/platform/process.ts";
import { deliveryMethodOf } from "../../../src/rules/spoolfile.ts";
import { openSpool, type Spool } from "../../../src/session/spool.ts";
import { atEnd } from "../../support/cleanup.ts";
import { tempFolder } from "../../support/folders.ts";
import { run } from "../../support/process.ts";
import { until } from "../../support/wait.ts";
import { beside, type HookRun, type Mail, mailFile, newSpool, said, silence, TEXT, type TestSpool } from "../hook.ts";

// Each test has a home of its own, so that they may run side by side.
const test = inTurn.concurrent;

const woken: HookRun = { status: 2, signal: null, stdout: "", stderr: `${TEXT}\n` };
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Resolves when a waiter has looked for what was there before it, and stands still: it waits for the next byte. */
async function waits(pid: number, shell: string): Promise<void> {
  // Longer than any other of its pauses.
  const long = shell === "bash" ? 400 : 1_500;
  const { platform } = process;
  if (platform !== "linux") return pause(long);
  const steps = (): string => {
    const status = readIfThere(`/proc/${pid}/status`) ?? "";
    const [sleeps] = /^State:\tS/m.exec(status) ?? [];
    return `${sleeps} ${/^voluntary_ctxt_switches:.*$/m.exec(status)?.[0]}`;
  };
  await until("it stands still", async () => {
    const before = steps();
    await pause(long);
    return !before.startsWith("undefined") && steps() === before;
  });
}

interface Waiting {
  pid: number;
  run: Promise<HookRun>;
}

interface Session extends TestSpool {
  /** The session server's side of the spool. */
  server: Spool;
  /** Ends the host process, and resolves when it is gone. */
  die(): Promise<void>;
  /** Starts a waiter; resolves when it waits. */
  wait(): Promise<Waiting>;
  offer(mail?: Mail): void;
}

/** A session whose host process lives, and whose session server is this one. */
function session(shell: string): Session {
  const host = run("sleep", ["3600"]);
  const spool = newSpool({ shell, pid: host.pid });
  const server = openSpool(spool.home, host.pid, {
    pid: process.pid,
    newId: () => `${Math.random()}`,
    steady: () => performance.now(),
  });
  const pids = new Set<number>();
  atEnd(() => {
    for (const pid of pids) if (isAlive(pid)) process.kill(pid, "SIGKILL");
  });
  return {
    ...spool,
    server,
    async die() {
      await host.stop("SIGKILL");
    },
    async wait() {
      const before = spool.note("waiter");
      const run = spool.run("Waiter");
      const pid = await until("a waiter waits", () => {
        const now = spool.note("waiter");
        return now !== before && Number(now);
      });
      pids.add(pid);
      await waits(pid, shell);
      return { pid, run };
    },
    offer: (mail) => server.put(mailFile(mail)),
  };
}

const pipes = (spool: TestSpool): string[] => readdirSync(spool.folder).filter((name) => name.startsWith("poke."));

export function waiterCases(shell: string): void {
  describe("a waiter", () => {
    test("gets the mail that waits at the end of a turn: what continues a turn, the host shows its user whole", async () => {
      const spool = session(shell);
      const { run } = await spool.wait();
      await spool.run("UserPromptSubmit");
      spool.offer();
      expect(await spool.run("Stop")).toEqual(silence);
      expect(await run).toEqual(woken);
      expect(spool.stage()).toBe("done");
    });

    test("that has died leaves that mail to the end of the turn", async () => {
      const spool = session(shell);
      const { pid, run } = await spool.wait();
      process.kill(pid, "SIGKILL");
      await run;
      await spool.run("UserPromptSubmit");
      spool.offer();
      expect(said(await spool.run("Stop"))).toEqual(beside("Stop"));
    });

    test("wakes an idle session when mail arrives, once", async () => {
      const spool = session(shell);
      await spool.run("SessionStart");
      const { run } = await spool.wait();
      spool.offer();
      expect(await run).toEqual(woken);
      expect(spool.stage()).toBe("done");
      expect(spool.server.files().map(({ batch }) => deliveryMethodOf(batch))).toEqual(["wake"]);
      expect(await spool.run("FileChanged")).toEqual(silence);
    });

    test("wakes it with mail that was already waiting", async () => {
      const spool = session(shell);
      await spool.run("SessionStart");
      spool.offer();
      expect(await spool.run("Waiter")).toEqual(woken);
    });

    test("combines messages in quick succession into one wake", async () => {
      if (shell !== "bash") return;
      const spool = session(shell);
      await spool.run("SessionStart");
      const { pid, run } = await spool.wait();
      // However slow this machine is, they come faster than the waiter reads.
      process.kill(pid, "SIGSTOP");
      for (let i = 1; i <= 10; i++) {
        // As the session server adds to a file that nobody has taken.
        expect(spool.server.takeBack() !== undefined).toBe(i > 1);
        spool.offer({ text: `CCT mail: ${i} messages` });
      }
      process.kill(pid, "SIGCONT");
      expect((await run).stderr).toBe("CCT mail: 10 messages\n");
    });

    test.each(["UserPromptSubmit", "PermissionRequest"] as const)(
      "takes no mail while the session is active or a dialog is open (%s), unless it has waited long",
      async (event) => {
        const spool = session(shell);
        await spool.run("SessionStart");
        const { pid, run } = await spool.wait();
        await spool.run("UserPromptSubmit");
        await spool.run(event);
        spool.offer({ urgency: "interrupt" });
        await pause(600);
        expect([isAlive(pid), spool.stage()]).toEqual([true, "mail"]);
        spool.offer({ urgency: "interrupt", late: true });
        expect(await run).toEqual(woken);
      },
    );

    test("takes no low mail, and none over the wake budget except interrupts", async () => {
      const spool = session(shell);
      await spool.run("SessionStart");
      const { pid, run } = await spool.wait();
      for (const mail of [{ urgency: "low" }, { nowake: true }, { nowake: true, late: true }] as const) {
        spool.offer(mail);
        await pause(400);
        expect([isAlive(pid), spool.stage()]).toEqual([true, "mail"]);
      }
      spool.offer({ nowake: true, urgency: "interrupt" });
      expect(await run).toEqual(woken);
    });

    test("replaces older waiters, which exit silently", async () => {
      const spool = session(shell);
      await spool.run("SessionStart");
      const older = [await spool.wait(), await spool.wait()];
      const { pid, run } = await spool.wait();
      for (const one of older) expect(await one.run).toEqual(silence);
      expect(isAlive(pid)).toBe(true);
      expect(pipes(spool)).toEqual([`poke.${pid}`]);
      spool.offer();
      expect(await run).toEqual(woken);
    });

    test("is the only one left when several start at once", async () => {
      for (let round = 0; round < 4; round++) {
        const spool = session(shell);
        await spool.run("SessionStart");
        const all = Array.from({ length: 6 }, () => spool.run("Waiter"));
        let over = 0;
        for (const one of all) void one.then(() => over++);
        await until("one is left", () => over === 5 && pipes(spool).length === 1);
        spool.offer();
        const runs = await Promise.all(all);
        expect(runs.filter(({ status }) => status === 2)).toEqual([woken]);
        expect(runs.filter(({ status }) => status !== 2)).toEqual(Array(5).fill(silence));
      }
    });

    test("replaces one that was killed", async () => {
      const spool = session(shell);
      await spool.run("SessionStart");
      const first = await spool.wait();
      process.kill(first.pid, "SIGKILL");
      await first.run;
      const { pid, run } = await spool.wait();
      expect(pipes(spool)).toEqual([`poke.${pid}`]);
      spool.offer();
      expect(await run).toEqual(woken);
    });

    test("exits when the session ends, but not when only its conversation does", async () => {
      const spool = session(shell);
      await spool.run("SessionStart");
      const { pid, run } = await spool.wait();
      await spool.run("SessionEnd", { reason: "clear" });
      await pause(400);
      expect(isAlive(pid)).toBe(true);
      await spool.run("SessionEnd", { reason: "other" });
      expect(await run).toEqual(silence);
      expect(pipes(spool)).toEqual([]);
    });

    test("exits when its host was killed and the session server has ended", async () => {
      const spool = session(shell);
      await spool.run("SessionStart");
      const { run } = await spool.wait();
      await spool.die();
      spool.server.close();
      expect(await run).toEqual(silence);
    });

    test("keeps waiting when only the session server ends", async () => {
      const spool = session(shell);
      await spool.run("SessionStart");
      const { pid } = await spool.wait();
      spool.server.close();
      await pause(400);
      expect(isAlive(pid)).toBe(true);
    });

    test("exits without a wake if CCT is uninstalled meanwhile", async () => {
      const spool = session(shell);
      await spool.run("SessionStart");
      const copy = join(tempFolder(), "mail.sh");
      const within = ([shell = "", , , , ...words]: string[]) => {
        const [, script = ""] = words;
        return ["bash", "-c", 'cp "$1" "$2" && exec "$3" "$2" Waiter', "x", script, copy, shell];
      };
      const before = spool.note("waiter");
      const run = spool.run("Waiter", {}, { within });
      const pid = await until("it waits", () => {
        const now = spool.note("waiter");
        return now !== before && existsSync(copy) && Number(now);
      });
      await waits(pid, shell);
      rmSync(copy);
      spool.offer();
      expect(await run).toEqual(silence);
      expect(spool.stage()).toBe("mail");
    });

    test("exits silently if the home is unusable or programs are missing", async () => {
      const spool = session(shell);
      await spool.run("SessionStart");
      spool.offer();
      const noPrograms = (command: string[]) => ["/bin/sh", "-c", 'PATH=/nowhere; exec "$@"', "sh", ...command];
      expect(await spool.run("Waiter", {}, { within: ([, ...args]) => noPrograms(["/bin/bash", ...args]) })).toEqual(
        silence,
      );
      const file = newSpool({ shell, home: join(tempFolder(), "home"), unmade: true });
      writeFileSync(file.home, "a file");
      expect(await file.run("Waiter")).toEqual(silence);
      const strange = newSpool({ shell, pid: process.pid });
      mkdirSync(join(strange.folder, "waiter"));
      expect(await strange.run("Waiter")).toEqual(silence);
    });

    test("does not mark mail as shown if its output is closed, so it is delivered again", async () => {
      const spool = session(shell);
      await spool.run("SessionStart");
      spool.offer();
      const within = (command: string[]) => ["sh", "-c", 'exec "$@" 2>&-', "sh", ...command];
      const run = spool.run("Waiter", {}, { within });
      await until("it tried", () => spool.mailFiles().length === 1 && spool.stage() === "taken");
      await spool.run("SessionEnd", { reason: "other" });
      expect(await run).toEqual(silence);
    });

    test("does not wait in an unattended session", async () => {
      const spool = session(shell);
      await spool.run("SessionStart");
      spool.offer();
      expect(await spool.run("Waiter", {}, { env: { CLAUDE_CODE_SESSION_ATTENDED: "0" } })).toEqual(silence);
      expect(await spool.run("Waiter", {}, { env: { CLAUDE_CODE_ENTRYPOINT: "sdk-cli" } })).toEqual(silence);
      expect(pipes(spool)).toEqual([]);
    });
  });
}
