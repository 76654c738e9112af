/** What the status line shows. */
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test as inTurn } from "vitest";
import { atEnd } from "../support/cleanup.ts";
import { notRun } from "../support/not-run.ts";
import { times } from "../support/soak.ts";
import { until } from "../support/wait.ts";
import { flags, newLine } from "./line.ts";

// Each test has a home of its own, so that they may run side by side.
const test = inTurn.concurrent;

const minutes = (count: number): number => Date.now() + count * 60_000;

describe("the line", () => {
  test.each<[string, () => Parameters<ReturnType<typeof newLine>["says"]>[0], string]>([
    ["nothing new", () => ({}), "CCT:dd5c"],
    ["mail", () => ({ unread: 3 }), "CCT:dd5c ✉3"],
    ["a pool", () => ({ pool: { name: "feature-x", unread: 0 } }), "CCT:dd5c @feature-x"],
    ["a pool with mail", () => ({ pool: { name: "feature-x", unread: 2 }, unread: 3 }), "CCT:dd5c @feature-x(2) ✉3"],
    ["much mail", () => ({ pool: { name: "front", unread: 2 }, unread: 130 }), "CCT:dd5c @front(2+) ✉100+"],
    [
      "much mail, none seen of the pool's",
      () => ({ pool: { name: "front", unread: 0 }, unread: 100 }),
      "CCT:dd5c @front ✉100+",
    ],
    ["mail that is held", () => ({ held: 2 }), "CCT:dd5c held 2"],
    ["a permission prompt", () => ({ presence: "blocked" }), "CCT:dd5c blocked"],
    ["busy for long", () => ({ busy_until: minutes(6) }), "CCT:dd5c busy 6m"],
    ["busy for a moment", () => ({ busy_until: minutes(0.5) }), "CCT:dd5c busy"],
    ["busy for longer than estimated", () => ({ busy_until: minutes(-3) }), "CCT:dd5c busy"],
    ["no live hook", () => ({ hook: "quiet" }), "CCT:dd5c no hook"],
    ["a full disk", () => ({ unread: 3, disk: "ENOSPC" }), "CCT:dd5c ✉3 disk full"],
    ["a disk that cannot be written", () => ({ disk: "EROFS", hook: "quiet" }), "CCT:dd5c disk error no hook"],
    ["the broker away", () => ({ broker: "away", unread: 3 }), "CCT:off"],
    ["not registered yet", () => ({ peer_id: undefined }), "CCT:off"],
  ])("shows %s", async (_, said, shown) => {
    const line = newLine();
    line.says(said());
    expect(await line.rows()).toEqual([shown]);
  });

  test("shows everything at once, the worst first", async () => {
    const line = newLine();
    const pool = { name: "feature-x", unread: 2 };
    line.says({ pool, unread: 3, held: 1, presence: "blocked", busy_until: minutes(6), hook: "quiet" });
    expect(await line.rows()).toEqual(["CCT:dd5c @feature-x(2) ✉3 no hook blocked held 1 busy 6m"]);
  });

  test("is off when the session server was silent for half a minute, or has ended", async () => {
    const line = newLine();
    line.says({}, 15);
    expect(await line.rows()).toEqual(["CCT:dd5c"]);
    line.says({}, 33);
    expect(await line.rows()).toEqual(["CCT:off"]);
    const ended = Number(execFileSync("bash", ["-c", "echo $$"], { encoding: "utf8" }));
    line.says({ server: ended });
    expect(await line.rows()).toEqual(["CCT:off"]);
  });

  test("is on after the clock was set back", async () => {
    const line = newLine();
    line.says({}, -3600);
    expect(await line.rows()).toEqual(["CCT:dd5c"]);
  });

  test("distinguishes a host without a session, a session that is silent, and no CCT at all", async () => {
    const line = newLine();
    expect(await line.rows()).toEqual(["CCT:—"]);
    line.isKnown();
    expect(await line.rows()).toEqual(["CCT:off"]);
    rmSync(line.home, { recursive: true });
    expect(await line.rows()).toEqual(["CCT:off"]);
  });

  test("says that a session has just begun: its server runs, or its host is a few seconds old", async () => {
    const line = newLine();
    const spool = join(line.home, "spool/4242424");
    mkdirSync(spool, { recursive: true });
    const serverIs = (pid: number) => writeFileSync(join(spool, "server"), `${pid} 1\n`);
    serverIs(process.pid);
    expect(await line.rows()).toEqual(["CCT:…"]);
    serverIs(Number(execFileSync("bash", ["-c", "echo $$"], { encoding: "utf8" })));
    expect(await line.rows()).toEqual(["CCT:—"]);
    if (!existsSync("/proc/self/stat")) return;
    // It may be older by the time the line is there: then another one.
    const row = await until("a young one is seen", async () => {
      const [began, young] = [performance.now(), spawn("sleep", ["60"])];
      atEnd(() => void young.kill());
      const [only] = await line.rows({ env: { CLAUDE_PID: String(young.pid) } });
      return performance.now() - began < 8_000 && only;
    });
    expect(row).toBe("CCT:…");
    // Older than this test.
    expect(await line.rows({ env: { CLAUDE_PID: "1" } })).toEqual(["CCT:—"]);
  });

  test("finds the host without CLAUDE_PID: it is the parent process", async () => {
    const line = newLine();
    const rename = `mv "$CCT_HOME/flags/4242424" "$CCT_HOME/flags/$$"; "$@"; exit $?`;
    line.says();
    const within = (command: string[]) => ["bash", "-c", rename, "host", ...command];
    expect(await line.rows({ within, env: { CLAUDE_PID: undefined } })).toEqual(["CCT:dd5c"]);
  });
});

describe("a narrow terminal", () => {
  const pool = { name: "a-rather-long-name-of-a-pool-that-goes-on", unread: 12 };
  const all = () => ({ pool, unread: 3, held: 1, presence: "blocked", busy_until: minutes(6), hook: "quiet" }) as const;

  test("shortens the pool's name first, then drops words, the least urgent first", async () => {
    const line = newLine();
    line.says(all());
    const seen = await Promise.all([150, 70, 50, 40, 30, 16].map((columns) => line.rows({ columns })));
    expect(seen.flat()).toEqual([
      "CCT:dd5c @a-rather-long-name-of-a-pool-that-goes-on(12) ✉3 no hook blocked held 1 busy 6m",
      "CCT:dd5c @a-rather-long-nam~(12) ✉3 no hook blocked held 1 busy 6m",
      "CCT:dd5c ✉3 no hook blocked held 1 busy 6m",
      "CCT:dd5c ✉3 no hook blocked held 1",
      "CCT:dd5c ✉3 no hook",
      "CCT:dd5c ✉3",
    ]);
  });

  inTurn("is never exceeded", async () => {
    const line = newLine();
    line.says(all());
    for (let columns = 16; columns < 100; columns += 3) {
      const [row = ""] = await line.rows({ columns });
      expect([columns, [...row].length <= columns - 4]).toEqual([columns, true]);
    }
  });

  test.each(["", "0", "wide", "-1", "1e9", "99999999999999999999", "a[$(exit 1)]", "007"])(
    "with the invalid width '%s' shows a line all the same",
    async (columns) => {
      const line = newLine();
      line.says();
      expect((await line.rows({ columns }))[0]).toMatch(/^CCT:dd5c/);
    },
  );
});

const UNSAFE = /[^ -~✉—]/u;

describe("whatever the flags file contains", () => {
  inTurn("the line is one row that a terminal can show", async () => {
    const line = newLine();
    const parts = ["1", "99999999999999999999", "up", "live", "-", "\u001b[31m", "\u009b1A", "é", "✉", "$(id)", "`id`"];
    const now = () => String(Math.floor(Date.now() / 1000));
    const field = fc.oneof(fc.constantFrom(...parts), fc.string({ unit: "binary", maxLength: 8 }));
    await fc.assert(
      fc.asyncProperty(fc.array(field, { minLength: 6, maxLength: 14 }), async (fields) => {
        line.holds(`${[now(), process.pid, ...fields].join(" ")}\n`);
        const rows = await line.rows();
        expect(rows).toHaveLength(1);
        expect(rows[0]).toMatch(/^CCT:/);
        expect(rows[0]).not.toMatch(UNSAFE);
      }),
      { numRuns: times(20, 60) },
    );
  });

  test("no part of a name is obeyed by the terminal", async () => {
    const line = newLine();
    line.says();
    const now = Math.floor(Date.now() / 1000);
    line.holds(`${now} ${process.pid} dd\u001b[31m5c ann up live idle 0 0 0 fea\u001b]0;owned\u0007t\u009b2J 2\n`);
    expect(await line.rows()).toEqual(["CCT:dd31 @fea0ownedt2J(2)"]);
  });

  test.each(["", "\n", "x", "1 2 3\n", Buffer.from([0, 255, 10]), "a".repeat(100_000)])(
    "an invalid file gives CCT:off or CCT:— (%#)",
    async (text) => {
      const line = newLine();
      line.holds(text);
      expect((await line.rows())[0]).toMatch(/^CCT:(off|—)$/);
    },
  );
});

describe("cost", () => {
  const NAME = "the status line starts no program and reads no input";
  const canTrace = (): boolean => {
    try {
      execFileSync("strace", ["-f", "-o", "/dev/null", "true"], { stdio: "ignore" });
      return true;
    } catch {
      return false;
    }
  };

  inTurn.skipIf(!canTrace() && notRun(NAME, "strace is not installed, or may not trace processes"))(NAME, async () => {
    const line = newLine();
    line.says({ pool: { name: "feature-x", unread: 2 }, unread: 3, held: 1 });
    const file = join(line.home, "trace");
    const trace = ["strace", "-f", "-s", "4096", "-e", "trace=process,read,network", "-o", file];
    await line.rows({ within: (command) => [...trace, ...command] });
    const calls = readFileSync(file, "utf8").split("\n");
    const [start, ...more] = calls.filter((one) => /\b(fork|vfork|clone3?|execve|execveat)\(|AF_INET/.test(one));
    expect(start).toMatch(/execve\(.*line\.sh/);
    expect(more).toEqual([]);
    // The trace does show what is read: the flags are; what the host says is not.
    expect(calls.some((one) => one.includes(String(flags.peer_id)))).toBe(true);
    expect(calls.filter((one) => one.includes("session_id"))).toEqual([]);
  });
});
