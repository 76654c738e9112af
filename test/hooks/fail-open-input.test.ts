/** Fail open, first part: invalid input and unusable output never disturb the session. */
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test as inTurn } from "vitest";
import { tempFolder } from "../support/folders.ts";
import { noise } from "../support/random.ts";
import { beside, type Event, events, input, said, session, silence, takers } from "./hook.ts";

// Each test has a home of its own, so that they may run side by side.
const test = inTurn.concurrent;

describe("invalid input", () => {
  const giant = "x".repeat(400_000);
  const inputs: Record<string, string | Buffer> = {
    none: "",
    "half of it": JSON.stringify(input("PreToolUse")).slice(0, 90),
    "no JSON": "hello $(id) `id`\n\\",
    binary: noise(200_000),
    "NUL bytes": Buffer.alloc(100_000),
    "400 KB": JSON.stringify(input("PreToolUse", { tool_input: { content: giant } })),
    "400 KB of brackets": JSON.stringify(input("PreToolUse", { tool_input: { content: "{}".repeat(200_000) } })),
    "400 KB, the last bracket far from the end": JSON.stringify(
      input("PreToolUse", { tool_input: { content: `${giant.slice(0, 64_000)}}${giant}` } }),
    ),
  };

  test.each(Object.keys(inputs))("(%s) makes no hook fail and loses no mail", async (kind) => {
    for (const event of takers) {
      const spool = session();
      spool.put();
      const run = await spool.run(event, {}, { stdin: inputs[kind] ?? "" });
      expect(run.status).toBe(event === "FileChanged" ? 2 : 0);
      expect(["done", "seen"]).toContain(spool.stage());
    }
    for (const event of ["SessionStart", "SessionEnd", "StopFailure"] as const) {
      const run = await session().run(event, {}, { stdin: inputs[kind] ?? "" });
      expect(run).toMatchObject({ status: 0, stderr: "" });
    }
  });

  test("(closed) makes no hook fail and loses no mail", async () => {
    for (const event of events) {
      const spool = session();
      spool.put();
      const within = (command: string[]) => ["sh", "-c", 'exec "$@" <&-', "sh", ...command];
      const run = await spool.run(event, {}, { within });
      expect(run.status).toBe(event === "FileChanged" ? 2 : 0);
      if (event !== "FileChanged") expect(run.stderr).toBe("");
      expect(spool.mailFiles()).toHaveLength(1);
    }
  });

  test("(never ends) makes no hook fail and loses no mail", async () => {
    const each = events.map(async (event) => {
      const spool = session();
      spool.put();
      const run = await spool.run(event, {}, { stdin: "open" });
      expect(run.status).toBe(event === "FileChanged" ? 2 : 0);
      expect(spool.mailFiles()).toHaveLength(1);
    });
    await Promise.all(each);
  });

  test("a long input costs a hook at most one second of CPU time, of the ten that the host allows", async () => {
    const long = [
      `{"tool_name":"Write","tool_input":{"content":"${giant}"},"tool_use_id":"a"}`,
      `{"tool_name":"Write","tool_input":{"content":"${giant.slice(0, 60_000)}"},"tool_use_id":"a"}`,
      `{"tool_name":"Write","tool_input":{"content":"}${giant.slice(0, 64_000)}}${giant}"},"tool_use_id":"a"}`,
      `{"tool_name":"Write","tool_input":{"content":"}${giant.slice(0, 60_000)}}${giant.slice(0, 2000)}`,
    ];
    for (const stdin of long) {
      const spool = session();
      spool.put();
      // Of the processor's time, not of the clock's: a loaded machine takes longer, and does no more.
      const within = (command: string[]) => ["bash", "-c", 'ulimit -t 1; exec "$@"', "bash", ...command];
      expect(said(await spool.run("PreToolUse", {}, { stdin, within }))).toEqual(beside("PreToolUse"));
    }
  });
});

describe("output that cannot be written", () => {
  const ends = (event: Event) => (event === "FileChanged" ? 2 : 1);

  test.each(events)("%s: it is closed", async (event) => {
    const spool = session();
    spool.put();
    const within = (command: string[]) => ["sh", "-c", `exec "$@" ${ends(event)}>&-`, "sh", ...command];
    const run = await spool.run(event, {}, { within });
    expect(run).toEqual(silence);
    expect(["mail", "taken"]).toContain(spool.stage());
  });

  test.each(events)("%s: its reader has exited", async (event) => {
    // Programs differ in whether what they start dies of a broken pipe or is told of it.
    for (const trap of ["trap '' PIPE;", ""]) {
      const spool = session();
      spool.put();
      const status = join(spool.home, "status");
      const pipe = `mkfifo "$0" && exec 3<>"$0" 4>"$0" 3>&-; "$@" ${ends(event)}>&4; echo $? >'${status}'`;
      const within = (command: string[]) => ["bash", "-c", `${trap} ${pipe}`, join(spool.home, "pipe"), ...command];
      await spool.run(event, {}, { within });
      expect(trap ? ["0"] : ["0", "141"]).toContain(readFileSync(status, "utf8").trim());
      expect(["mail", "taken"]).toContain(spool.stage());
    }
  });
});

describe("a plugin that was removed during a session", () => {
  test.each(events)("%s prints nothing, denies nothing and keeps the mail", async (event) => {
    const gone = join(tempFolder(), "plugin");
    for (const prepare of [() => {}, () => mkdirSync(gone), () => mkdirSync(join(gone, "hooks"))]) {
      prepare();
      const spool = session();
      spool.put({ urgency: "interrupt" });
      expect(await spool.run(event, {}, { plugin: gone })).toEqual(silence);
      expect(spool.stage()).toBe("mail");
    }
  });
});
