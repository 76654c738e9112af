/** What reaches a terminal: colour only where it is wanted, and no control characters from peers. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { openSqlite } from "../../src/store/drivers/sqlite.ts";
import { ok } from "../support/api.ts";
import { spawnBroker, startBroker } from "../support/broker.ts";
import { success } from "../support/cct.ts";
import { root } from "../support/folders.ts";
import { notRun } from "../support/not-run.ts";
import { newPeer, stayAlive } from "../support/peers.ts";
import { newPerson, type Person, personWithBroker } from "./person.ts";

/** A line of shell in which `cct` is the command. Nothing else runs meanwhile, also no broker in this process. */
function shell(person: Person, line: string, env: Record<string, string> = {}) {
  const script = `cct() { '${process.execPath}' '${join(root, "dist/bin.js")}' "$@"; }; ${line}`;
  const all = { ...person.env, TERM: "xterm-256color", ...env };
  return spawnSync("bash", ["--norc", "-c", script], { env: all, encoding: "utf8", cwd: person.home });
}

describe("output for a reader that stops early", () => {
  let me: Awaited<ReturnType<typeof personWithBroker>>;

  beforeAll(async () => {
    me = await personWithBroker(spawnBroker);
    await newPeer(me.broker, "ben");
    for (let i = 0; i < 8; i++) await ok(me.broker, "send_message", { to: "ben", text: `${i} `.repeat(30_000) });
  });

  test.each(["head -n 1", "true"])("%s: cct exits with 0 and prints no error", (reader) => {
    for (const command of ["messages --json", "messages", "--help"]) {
      const { stderr, stdout } = shell(me, `cct ${command} | ${reader} >/dev/null; echo "\${PIPESTATUS[0]}"`);
      expect({ command, stderr, stdout }).toEqual({ command, stderr: "", stdout: "0\n" });
    }
  });

  test("a long answer is complete for a reader that reads all of it", () => {
    const { stdout } = shell(me, "cct messages --json | (sleep 0.2; cat)");
    expect(JSON.parse(stdout).messages).toHaveLength(8);
  });
});

const ESC = "\u001b";

describe("colour", () => {
  const canScript = spawnSync("script", ["-qec", "true", "/dev/null"]).status === 0;
  const terminal = test.skipIf(
    !canScript && notRun("colour on a terminal", "`script`, which gives a command a terminal, is not installed"),
  );
  const onTerminal = (person: Person, command: string, env: Record<string, string> = {}) =>
    shell(person, `script -qec "'${process.execPath}' '${join(root, "dist/bin.js")}' ${command}" /dev/null`, env)
      .stdout;

  test("is not used without a terminal", () => {
    const person = newPerson();
    for (const command of ["config", "doctor", "--help", "nonsense", "status"]) {
      const { stdout, stderr } = shell(person, `cct ${command}`, { FORCE_COLOR: "0" });
      expect(stdout + stderr).not.toContain(ESC);
      expect(stdout + stderr).not.toBe("");
    }
    shell(person, "cct kill");
  });

  terminal("is used on a terminal, unless NO_COLOR is set", () => {
    const person = newPerson();
    expect(onTerminal(person, "config")).toContain(`${ESC}[`);
    const plain = onTerminal(person, "config", { NO_COLOR: "1" });
    expect(plain).not.toContain(ESC);
    expect(plain).toContain("SETTING");
  });
});

describe("text from peers", () => {
  const EVIL = `before${ESC}[2J${ESC}]0;title\u0007 \u009b31m \u0007\b\r \u202eturned\u2066 \u200bhidden\ttab\nnewline after`;
  /** What a terminal would obey, or show otherwise than it stands there. */
  const obeyed = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2066-\u2069]/u;
  let me: Person;

  beforeAll(async () => {
    // No door lets such words in today; they are put into the store itself, as an older or another broker might have.
    const first = await startBroker();
    const ben = await newPeer(first, "ben", { summary: "s", branch: "b" });
    const { message_id } = await ok(first, "send_message", { to: "ben", text: "t" });
    await first.stop();
    const store = await openSqlite(join(first.home, "cct.db"));
    await store.tx(async (sql) => {
      await sql("UPDATE peers SET summary = $1, branch = $1, cwd = $1", EVIL);
      await sql("UPDATE messages SET text = $1, from_name = $1 WHERE message_id = $2", EVIL, message_id);
    });
    await store.close();
    const broker = await startBroker({ home: first.home });
    stayAlive(broker, ben);
    const person = newPerson({ CCT_HOME: broker.home });
    me = person;
  });

  test.each(["peers", "messages", "status"])("%s prints it without control characters", async (command) => {
    const said = success(await me.cct(command));
    expect(said).not.toMatch(obeyed);
    if (command !== "status") {
      expect(said).toContain("before");
      // One row each: a line end of theirs is none of ours.
      expect(said.trimEnd().split("\n")).toHaveLength(2);
    }
  });

  test.each(["peers", "messages"])("%s --json preserves it and escapes control characters", async (command) => {
    const said = success(await me.cct(command, "--json"));
    expect(JSON.stringify(JSON.parse(said))).toContain(JSON.stringify("newline after").slice(1, -1));
    expect(said).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/u);
  });
});
