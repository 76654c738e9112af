/** Whatever is broken, the session goes on: no hook ever fails, denies by accident, wakes by accident or says a word. */
import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, test as inTurn } from "vitest";
import { tempFolder } from "../support/folders.ts";
import { isRoot, notRun } from "../support/not-run.ts";
import {
  beside,
  type Event,
  events,
  input,
  mailFile,
  newSpool,
  plugin,
  said,
  silence,
  type TestSpool,
  takers,
} from "./hook.ts";

// Each test has a home of its own, so that they may run side by side.
const test = inTurn.concurrent;

/** Bytes without any order, the same in every run. */
function noise(size: number): Buffer {
  let state = 20261124;
  const bytes = Buffer.alloc(size);
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

/** A session as far as hooks see one, in any state that lets mail out. */
function session(): TestSpool {
  const spool = newSpool();
  spool.write("state", "idle\n");
  return spool;
}

describe("a mail file that is none", () => {
  const good = mailFile();
  const [head = "", json = ""] = good.split("\n");
  const broken: Record<string, string | Buffer> = {
    empty: "",
    "cut in its first word": "norm",
    "cut in its first line": head.slice(0, -4),
    "cut after its first line": `${head}\n`,
    "cut in its second line": `${head}\n${json.slice(0, 40)}`,
    "cut after its second line": `${head}\n${json}\n`,
    "of another make": `hello\n${json}\ntext\n`,
    "with no JSON in it": `${head}\nplain words\nplain words\n`,
    "of blank lines": "\n\n\n",
    binary: noise(300_000),
    "binary after a good first line": Buffer.concat([Buffer.from(`${head}\n`), noise(100_000)]),
    "huge, in one line": "x".repeat(5_000_000),
    "huge, in many lines": "normal\n".repeat(700_000),
  };
  test.each(Object.keys(broken))("(%s) is shown to nobody and disturbs nobody", async (kind) => {
    for (const event of takers) {
      const spool = session();
      spool.write("mail", broken[kind] ?? "");
      expect(await spool.run(event)).toEqual(silence);
      // Not called printed: the session server fetches it.
      expect(["mail", "taken"]).toContain(spool.stage());
    }
  });

  test("(a folder) is shown to nobody and disturbs nobody", async () => {
    for (const event of takers) {
      const spool = session();
      mkdirSync(join(spool.folder, "mail"));
      writeFileSync(join(spool.folder, "mail", "normal"), mailFile());
      expect(await spool.run(event)).toEqual(silence);
    }
  });
});

describe("what lies about in the spool", () => {
  test.each(["", "garbage", "08", "-1", "99999999999999999999", "1; exit 2"])(
    "a spoilt count of turns (%s) keeps no turn from ending or going on",
    async (count) => {
      const spool = session();
      spool.write("stops", `${count}\n`);
      spool.put();
      const first = await spool.run("Stop");
      expect(first).toMatchObject({ status: 0, stderr: "" });
      // Either it was taken for many, and counting begins anew, or for none.
      const second = first.stdout === "" ? await spool.run("Stop") : first;
      expect(said(second)).toEqual(beside("Stop"));
    },
  );

  test("a spoilt state lets no hook fail", async () => {
    for (const state of ["", "\n", "nonsense", noise(5000)]) {
      for (const event of takers) {
        const spool = session();
        spool.write("state", state);
        spool.put();
        const run = await spool.run(event);
        expect(run.status).toBe(event === "FileChanged" ? 2 : 0);
        expect(run.signal).toBe(null);
      }
    }
  });

  test("folders where small files should be let no hook fail", async () => {
    for (const event of events) {
      const spool = newSpool();
      for (const name of ["state", "stops", "session", "batches"]) mkdirSync(join(spool.folder, name));
      const run = await spool.run(event);
      expect(run).toMatchObject({ status: 0, stderr: "" });
    }
  });
});

describe("a home that is not as it should be", () => {
  test.each(events)("%s: a file stands where the spool, or the home, should be", async (event) => {
    const spool = newSpool();
    for (const path of [spool.folder, dirname(spool.folder), spool.home]) {
      rmSync(path, { recursive: true, force: true });
      writeFileSync(path, "a file");
      expect(await spool.run(event)).toEqual(silence);
      expect(readFileSync(path, "utf8")).toBe("a file");
      rmSync(path);
      mkdirSync(path);
    }
  });

  test.each(events)("%s: the programs that hooks need are not on PATH", async (event) => {
    const spool = session();
    spool.put();
    const within = (command: string[]) => [
      "/bin/sh",
      "-c",
      'PATH=/nowhere; exec "$@"',
      "sh",
      "/bin/bash",
      ...command.slice(1),
    ];
    const run = await spool.run(event, {}, { within });
    expect(run).toMatchObject({ status: 0, stderr: "" });
    expect(spool.stage()).toBe("mail");
  });
});

/** Nobody in particular: root reads and writes everything, whatever the modes say. */
const NOBODY = 65_534;
const drop = isRoot ? ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"] : [];
const canDrop = !isRoot || spawnSync("setpriv", [...drop.slice(1), "test", "-x", tmpdir()]).status === 0;
const dropped = inTurn.skipIf(
  !canDrop &&
    notRun(
      "hooks with files that they may not read or write",
      "root cannot become another user here, or such a user cannot reach the temporary folder",
    ),
);

/** A spool that belongs to a user without privileges, a plugin that such a user can read, and the way to become it. */
function asNobody() {
  const spool = session();
  const copy = join(dirname(spool.home), "plugin");
  cpSync(plugin, copy, { recursive: true });
  chmodSync(dirname(spool.home), 0o755);
  spool.put();
  // The mail too: another user's is not shown.
  const theirs = [spool.home, dirname(spool.folder), spool.folder, join(spool.folder, "mail")];
  if (isRoot) for (const path of theirs) chownSync(path, NOBODY, NOBODY);
  const within = (command: string[]) => [...drop, ...command];
  const run: TestSpool["run"] = (event, fields, options) =>
    spool.run(event, fields, { plugin: copy, within, ...options });
  return { ...spool, run };
}

describe("as a user who may not", () => {
  dropped("the mail is shown as long as all is well", async () => {
    const spool = asNobody();
    expect(said(await spool.run("PreToolUse"))).toEqual(beside("PreToolUse"));
  });

  dropped.each(events)("%s: the home cannot be read", async (event) => {
    const spool = asNobody();
    chmodSync(spool.home, 0o000);
    const run = await spool.run(event);
    chmodSync(spool.home, 0o700);
    expect(run).toEqual(silence);
    expect(spool.stage()).toBe("mail");
  });

  dropped.each(events)("%s: the mail cannot be read", async (event) => {
    const spool = asNobody();
    chmodSync(join(spool.folder, "mail"), 0o000);
    const run = await spool.run(event);
    expect(run).toMatchObject({ status: 0, stderr: "" });
    if (event !== "SessionStart") expect(run.stdout).toBe("");
    expect(["mail", "taken"]).toContain(spool.stage());
  });

  dropped.each(events)("%s: the spool cannot be written", async (event) => {
    for (const env of [{}, { POSIXLY_CORRECT: "1" }]) {
      const spool = asNobody();
      chmodSync(spool.folder, 0o500);
      const run = await spool.run(event, {}, { env });
      chmodSync(spool.folder, 0o700);
      expect(run).toMatchObject({ status: 0, stderr: "" });
      // The folder is there, so that it can be watched.
      if (event !== "SessionStart") expect(run.stdout).toBe("");
      expect(spool.stage()).toBe("mail");
    }
  });

  const homeless = inTurn.skipIf(
    !(isRoot && canDrop) && notRun("hooks without HOME", "only root can become a user that has no home"),
  );
  homeless.each(events)("%s: neither HOME nor CCT_HOME is set", async (event) => {
    const spool = asNobody();
    expect(await spool.run(event, {}, { env: { HOME: undefined, CCT_HOME: undefined } })).toEqual(silence);
  });
});

describe("input that is not what it should be", () => {
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

  test.each(Object.keys(inputs))("(%s) brings nobody to a halt, and no mail is lost", async (kind) => {
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

  test("(closed) brings nobody to a halt, and no mail is lost", async () => {
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

  test("(never ended) brings nobody to a halt, and no mail is lost", async () => {
    const each = events.map(async (event) => {
      const spool = session();
      spool.put();
      const run = await spool.run(event, {}, { stdin: "open" });
      expect(run.status).toBe(event === "FileChanged" ? 2 : 0);
      expect(spool.mailFiles()).toHaveLength(1);
    });
    await Promise.all(each);
  });

  test("a long input costs a second of work at the most, of the ten that the host gives a hook", async () => {
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

describe("output that goes nowhere", () => {
  const ends = (event: Event) => (event === "FileChanged" ? 2 : 1);

  test.each(events)("%s: it is closed", async (event) => {
    const spool = session();
    spool.put();
    const within = (command: string[]) => ["sh", "-c", `exec "$@" ${ends(event)}>&-`, "sh", ...command];
    const run = await spool.run(event, {}, { within });
    expect(run).toEqual(silence);
    expect(["mail", "taken"]).toContain(spool.stage());
  });

  test.each(events)("%s: its reader has gone", async (event) => {
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

describe("a plugin that was taken away from under a running session", () => {
  test.each(events)("%s: no word, nothing denied, and the mail stays", async (event) => {
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
