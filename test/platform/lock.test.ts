import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { tryLock } from "../../src/platform/lock.ts";
import { startMark } from "../../src/platform/process.ts";
import { builtForChild } from "../support/child.ts";
import { tempFolder } from "../support/folders.ts";
import { run } from "../support/process.ts";

let ids = 0;
const me = { pid: process.pid, newId: () => String(ids++) };
const ours = `${process.pid} ${startMark(process.pid)}\n`;
const newLock = (): string => join(tempFolder(), "lock");

describe("a lock file", () => {
  test("names its holder, and is refused while the holder lives", () => {
    const path = newLock();
    expect(tryLock(path, me)).toBe(undefined);
    expect(readFileSync(path, "utf8")).toBe(ours);
    expect(tryLock(path, { ...me, pid: process.ppid })).toBe(process.pid);
    expect(readdirSync(join(path, ".."))).toEqual(["lock"]);
  });

  test.each([
    ["an ended process", `${spawnSync("true").pid} 12\n`],
    ["an earlier process with a reused pid", `${process.ppid} not-its-mark\n`],
    ["an ended process, without a start mark", String(spawnSync("true").pid)],
    ["a process that was killed before it wrote", ""],
    ["something else", "nonsense\n"],
  ])("left by %s is taken over", (_by, content) => {
    const path = newLock();
    writeFileSync(path, content, { mode: 0o600 });
    expect(tryLock(path, me)).toBe(undefined);
    expect(readFileSync(path, "utf8")).toBe(ours);
  });

  test("can be taken over after another process was killed while taking it over", () => {
    const path = newLock();
    const dead = `${spawnSync("true").pid} 12\n`;
    writeFileSync(path, dead, { mode: 0o600 });
    writeFileSync(`${path}.break`, dead, { mode: 0o600 });
    expect(tryLock(path, me)).toBe(undefined);
    expect(existsSync(`${path}.break`)).toBe(false);
  });

  test("is not a folder or a link: those are errors", () => {
    const path = newLock();
    mkdirSync(path);
    expect(() => tryLock(path, me)).toThrow("not a regular file of yours");
  });
});

describe("processes that compete for a lock and are killed while they hold it", () => {
  let locker = "";
  beforeAll(async () => {
    locker = await builtForChild(join(import.meta.dirname, "locker.ts"));
  });

  test("never hold it together", async () => {
    const path = newLock();
    const lane = async (): Promise<void> => {
      for (let i = 0; i < 6; i++) {
        const child = run(process.execPath, [locker, path, "20"]);
        expect({ ...(await child.exited), said: child.stdout() }).toEqual({ code: null, signal: "SIGKILL", said: "" });
      }
    };
    await Promise.all([lane(), lane(), lane(), lane()]);
  });
});
