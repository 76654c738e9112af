/** Fail open, with a broken home or spool: no hook fails, prints anything, or denies or wakes by accident. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test as inTurn } from "vitest";
import { noise } from "../support/random.ts";
import { beside, events, mailFile, newSpool, said, session, silence, takers } from "./hook.ts";

// Each test has a home of its own, so that they may run side by side.
const test = inTurn.concurrent;

describe("an invalid mail file", () => {
  const good = mailFile();
  const [head = "", json = ""] = good.split("\n");
  const broken: Record<string, string | Buffer> = {
    empty: "",
    "cut in its first word": "norm",
    "cut in its first line": head.slice(0, -4),
    "cut after its first line": `${head}\n`,
    "cut in its second line": `${head}\n${json.slice(0, 40)}`,
    "cut after its second line": `${head}\n${json}\n`,
    "in another format": `hello\n${json}\ntext\n`,
    "with no JSON in it": `${head}\nplain words\nplain words\n`,
    "of blank lines": "\n\n\n",
    binary: noise(300_000),
    "binary after a good first line": Buffer.concat([Buffer.from(`${head}\n`), noise(100_000)]),
    "huge, in one line": "x".repeat(5_000_000),
    "huge, in many lines": "normal\n".repeat(700_000),
  };
  test.each(Object.keys(broken))("(%s) is not shown and makes no hook fail", async (kind) => {
    for (const event of takers) {
      const spool = session();
      spool.write("mail", broken[kind] ?? "");
      expect(await spool.run(event)).toEqual(silence);
      // Not called printed: the session server fetches it.
      expect(["mail", "taken"]).toContain(spool.stage());
    }
  });

  test("(a folder) is not shown and makes no hook fail", async () => {
    for (const event of takers) {
      const spool = session();
      mkdirSync(join(spool.folder, "mail"));
      writeFileSync(join(spool.folder, "mail", "normal"), mailFile());
      expect(await spool.run(event)).toEqual(silence);
    }
  });
});

describe("invalid files in the spool", () => {
  test.each(["", "garbage", "08", "-1", "99999999999999999999", "1; exit 2"])(
    "an invalid count of continued turns (%s) keeps no turn from ending or continuing",
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

  test("an invalid state makes no hook fail", async () => {
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

  test("folders in the place of small files make no hook fail", async () => {
    for (const event of events) {
      const spool = newSpool();
      for (const name of ["state", "stops", "session", "batches", "dialog", "tool", "woke", "server"])
        mkdirSync(join(spool.folder, name));
      const run = await spool.run(event);
      expect(run).toMatchObject({ status: 0, stderr: "" });
    }
  });
});

describe("an unusable home", () => {
  test.each(events)("%s: a file in the place of the spool or the home", async (event) => {
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

  test.each(events)("%s: required programs are not on PATH", async (event) => {
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
