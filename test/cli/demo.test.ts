/** `cct demo` shows a delivery and leaves no folder and no process, whenever it is stopped. */
import { spawn } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test as inTurn } from "vitest";
import { success } from "../support/cct.ts";
import { atEnd } from "../support/cleanup.ts";
import { root } from "../support/folders.ts";
import { notRun } from "../support/not-run.ts";
import { isSoak } from "../support/soak.ts";
import { until } from "../support/wait.ts";
import { endBrokerOf, newPerson, type Person, processesWith } from "./person.ts";

// Each test has a home of its own, so that they may run side by side.
const test = inTurn.concurrent;

const canList = process.platform === "linux";

/** A person whose temporary files have a folder of their own. Its name tells the processes that the demo started. */
function demoPerson(): Person & { tmp: string } {
  const person = newPerson();
  const tmp = join(person.home, "tmp");
  mkdirSync(tmp);
  return {
    ...person,
    tmp,
    cctWith: (more, ...args) => person.cctWith({ ...more, env: { TMPDIR: tmp, ...more.env } }, ...args),
  };
}

async function expectNothingLeft(person: ReturnType<typeof demoPerson>): Promise<void> {
  if (canList)
    await until("all processes of the demo have ended", () => processesWith(`TMPDIR=${person.tmp}`).length === 0);
  expect(readdirSync(person.tmp)).toEqual([]);
  expect(readdirSync(person.home)).toEqual(["tmp"]);
}

inTurn.skipIf(
  !canList && notRun("the demo leaves no process behind", "the environments of processes can only be read on Linux"),
)("the processes that a demo starts can be recognised", async () => {
  const person = demoPerson();
  // The demo, its broker, two hosts and their session servers. On a slow machine it may be over before we look.
  const running = await until("six processes of one demo", async () => {
    const demo = startDemo(person);
    await demo.saw("two session servers");
    if (processesWith(`TMPDIR=${person.tmp}`).length >= 6) return demo;
    await demo.exited;
    return undefined;
  });
  running.signal("SIGINT", "group");
  await running.exited;
  await expectNothingLeft(person);
});

test("it prints its steps as they happen and leaves nothing behind", async () => {
  const person = demoPerson();
  const said = success(await person.cctWith({}, "demo"));
  for (const words of [
    "broker answers",
    "alice sends bob",
    "mail is in bob's spool",
    "wakes alice",
    "both messages are read",
  ])
    expect(said).toContain(words);
  expect(said).toMatch(/^ +\d+ ms {2}a private broker/);
  await expectNothingLeft(person);
});

test("it prints JSON with --json, and ignores the user's own broker and settings", async () => {
  const person = demoPerson();
  const env = {
    CCT_DELIVERY: "block",
    CCT_NAME: "me",
    CCT_BROKER: "http://127.0.0.1:9",
    CCT_HOST: "localhost",
    CLAUDE_PID: "1",
  };
  const { steps } = JSON.parse(success(await person.cctWith({ env }, "demo", "--json")));
  expect(steps.length).toBeGreaterThan(8);
  for (const step of steps)
    expect(step).toEqual({ at: expect.any(Number), took: expect.any(Number), what: expect.any(String) });
  await expectNothingLeft(person);
});

function startDemo(person: ReturnType<typeof demoPerson>) {
  // A group of its own, as a terminal gives it: Ctrl-C reaches every process in it.
  const child = spawn(process.execPath, [join(root, "dist/bin.js"), "demo"], {
    env: { ...person.env, TMPDIR: person.tmp },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const pid = child.pid ?? 0;
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null; stderr: string }>((resolve) =>
    child.once("close", (code, signal) => resolve({ code, signal, stderr })),
  );
  const signal = (name: NodeJS.Signals, to: "group" | "it"): void => {
    try {
      process.kill(to === "group" ? -pid : pid, name);
    } catch {
      // It has ended already.
    }
  };
  atEnd(async () => {
    if (child.exitCode === null && child.signalCode === null) signal("SIGKILL", "group");
    for (const left of canList ? processesWith(`TMPDIR=${person.tmp}`) : []) process.kill(left, "SIGKILL");
  });
  const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null;
  const saw = (words: string) => until(`the demo says: ${words}`, () => stdout.includes(words) || isOver());
  return { exited, signal, saw, isOver };
}

function hasLog(folder: string): boolean {
  try {
    return readdirSync(folder, { recursive: true }).some((name) => String(name).endsWith(".log"));
  } catch {
    // A part of it was removed while we looked.
    return false;
  }
}

const MOMENTS: [
  string,
  (person: ReturnType<typeof demoPerson>, demo: ReturnType<typeof startDemo>) => Promise<unknown>,
][] = [
  [
    "its home was just created",
    (person, demo) => until("a home", () => readdirSync(person.tmp).length > 0 || demo.isOver()),
  ],
  ["its broker is starting", (person, demo) => until("a log", () => hasLog(person.tmp) || demo.isOver())],
  ["the sessions are starting", (_, demo) => demo.saw("broker answers")],
  ["the sessions have started", (_, demo) => demo.saw("two session servers")],
  ["mail is on its way", (_, demo) => demo.saw("alice sends bob")],
];

/** By default early and late, once each; the first test of this file presses Ctrl-C when the sessions have started. */
const momentsOf = (how: "Ctrl-C" | "SIGTERM") => {
  const few = how === "Ctrl-C" ? "its broker is starting" : "the sessions are starting";
  return isSoak ? MOMENTS : MOMENTS.filter(([moment]) => moment === few);
};

describe.each(["Ctrl-C", "SIGTERM"] as const)("stopped by %s", (how) => {
  test.each(momentsOf(how))("when %s, it leaves nothing behind", async (_, moment) => {
    const person = demoPerson();
    const demo = startDemo(person);
    await moment(person, demo);
    if (how === "Ctrl-C") demo.signal("SIGINT", "group");
    else demo.signal("SIGTERM", "it");
    const end = await demo.exited;
    // 0 where it was over before the signal came.
    expect([0, 130]).toContain(end.code);
    expect(end.stderr).not.toMatch(/\n\s+at /);
    await expectNothingLeft(person);
  });
});

/** Runs a command whose output nobody reads: the reader of the pipe has ended. */
const unread = {
  within: (command: string[]) => ["bash", "-c", '"$@" | true; exit ${PIPESTATUS[0]}', "bash", ...command],
};

test("a demo whose reader has gone leaves nothing behind", async () => {
  const person = demoPerson();
  expect(await person.cctWith(unread, "demo")).toEqual({ code: 0, stdout: "", stderr: "" });
  await expectNothingLeft(person);
});

test("the next demo removes what one that was killed has left", async () => {
  const person = demoPerson();
  // On a slow machine it may be over before it is killed.
  await until("one that was killed has left something", async () => {
    const demo = startDemo(person);
    await demo.saw("two session servers");
    demo.signal("SIGKILL", "group");
    await demo.exited;
    return readdirSync(person.tmp).length > 0;
  });
  success(await person.cctWith({}, "demo"));
  await expectNothingLeft(person);
});

test("cct up does all its work although nobody reads its output", async () => {
  const person = newPerson();
  endBrokerOf(person);
  expect(await person.cctWith(unread, "up")).toMatchObject({ code: 0, stdout: "" });
  expect(success(await person.cct("install"))).toContain("nothing changed");
});
