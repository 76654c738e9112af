/** Fail open, without permissions: no hook fails, denies or prints anything. */
import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, cpSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, test as inTurn } from "vitest";
import { isRoot, notRun } from "../support/not-run.ts";
import { beside, events, plugin, said, session, silence, type TestSpool } from "./hook.ts";

/** Nobody in particular: root reads and writes everything, whatever the modes say. */
const NOBODY = 65_534;
const drop = isRoot ? ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"] : [];
const canDrop = !isRoot || spawnSync("setpriv", [...drop.slice(1), "test", "-x", tmpdir()]).status === 0;
const dropped = inTurn.skipIf(
  !canDrop &&
    notRun(
      "hooks without permission to read or write their files",
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

describe("as a user without permission", () => {
  dropped("mail is shown if permissions are right", async () => {
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
