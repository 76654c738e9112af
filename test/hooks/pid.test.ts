/** What stands in $CLAUDE_PID becomes part of paths: anything but a process id counts as not set. */
import { mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { sweepDead } from "../../src/session/spool-owner.ts";
import { script as statusLine } from "../statusline/line.ts";
import { cct } from "../support/cct.ts";
import { root, tempFolder } from "../support/folders.ts";
import { hooksFile, input, plugin, runCommand } from "./hook.ts";

const strange = [
  "../../x",
  "../pidmaps",
  "..",
  ".",
  "x",
  "-1",
  "0",
  "007",
  "1e3",
  "0x10",
  "1 2",
  "*",
  "$(id)",
  "1/../../../x",
];
strange.push("9".repeat(30), "１２", "\n1", "~");

/** All commands of `hooks.json`, each once per event, the tool that marks running commands among them. */
function* commands(): Generator<[string, string[]]> {
  for (const [event, entries] of Object.entries(hooksFile()))
    for (const { command, args = [] } of entries.flatMap(({ hooks }) => hooks))
      if (args.at(-1) !== "Waiter")
        yield [event, [command, ...args.map((arg) => arg.replaceAll("${CLAUDE_PLUGIN_ROOT}", plugin))]];
}

const files = (folder: string): string[] => readdirSync(folder, { recursive: true, encoding: "utf8" });

test.each(strange)("hooks with the process id %j write below the spool of their parent only", async (CLAUDE_PID) => {
  const folder = tempFolder();
  const home = join(folder, "home", ".cct");
  mkdirSync(join(home, "spool", String(process.pid)), { recursive: true, mode: 0o700 });
  // Where the names above lead, and where a hook would find something to write to.
  for (const name of ["x", "pidmaps", "spool/x"]) mkdirSync(join(home, name), { recursive: true, mode: 0o700 });
  const before = files(folder);
  const env = { PATH: process.env.PATH, HOME: join(folder, "home"), CCT_HOME: home, CLAUDE_PID };
  const runs = [...commands()].map(async ([event, command]) => {
    const { status } = await runCommand(command, env, JSON.stringify(input(event as "Stop")));
    return [event, status];
  });
  for (const [event, status] of await Promise.all(runs)) expect([event, status]).toEqual([event, 0]);
  await runCommand(["bash", statusLine], env, "{}");
  const written = files(folder).filter((name) => !before.includes(name));
  const ours = `home/.cct/spool/${process.pid}/`;
  expect(written.filter((name) => !name.startsWith(ours))).toEqual([]);
  // Each told its parent's session server what happened.
  expect(written).toContain(`${ours}state`);
});

test("the hook without bash does the same", async () => {
  const home = join(tempFolder(), ".cct");
  mkdirSync(home, { mode: 0o700 });
  for (const CLAUDE_PID of ["../../x", "1e3", "0x10", "-1"]) {
    const env = { PATH: process.env.PATH, HOME: join(home, ".."), CCT_HOME: home, CLAUDE_PID };
    const { code } = await cct(["hook", "SessionStart"], {
      env,
      stdin: JSON.stringify(input("SessionStart")),
      cwd: root,
    });
    expect(code).toBe(0);
  }
  expect(readdirSync(join(home, "spool"))).toEqual([String(process.pid)]);
  expect(readdirSync(join(home, ".."))).toEqual([".cct"]);
});

test("what lies in the spool under no process id is swept, once nobody can be at it", () => {
  const home = join(tempFolder(), ".cct");
  for (const folder of ["spool", "pidmaps", "flags", "outbox"]) mkdirSync(join(home, folder), { recursive: true });
  for (const name of ["x", "007", "0", "-1", "1e3"]) mkdirSync(join(home, "spool", name, "deep"), { recursive: true });
  writeFileSync(join(home, "spool", "a file"), "");
  writeFileSync(join(home, "flags", "x"), "");
  mkdirSync(join(home, "spool", String(process.pid)));
  mkdirSync(join(home, "spool", "new"));
  const longAgo = new Date(Date.now() - 2 * 3_600_000);
  for (const name of ["spool/x", "spool/007", "spool/0", "spool/-1", "spool/1e3", "spool/a file", "flags/x"])
    utimesSync(join(home, name), longAgo, longAgo);
  sweepDead(home, Date.now());
  expect(readdirSync(join(home, "spool")).sort()).toEqual([String(process.pid), "new"].sort());
  expect(readdirSync(join(home, "flags"))).toEqual([]);
});
