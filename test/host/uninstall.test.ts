/** Uninstalling CCT while sessions that have it run. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { timesIn, toolResults } from "./requests.ts";
import { bash, cct, say, use } from "./script.ts";
import type { Session } from "./session.ts";
import { hostTest, newWord, onStage, stage } from "./stage.ts";
import { pause } from "./wait.ts";

let a: Session;
let b: Session;

onStage(async (stage) => {
  [a, b] = await Promise.all([stage.start("a"), stage.start("b")]);
});

hostTest("uninstalling breaks nothing in a working session", async () => {
  await b.play(use(stage().waitAt("uninstalled")), use(bash("echo two")), use(bash("echo three")), say("done"));
  await stage().reached("uninstalled");
  const { status, stdout, stderr } = await stage().cct("uninstall");
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toContain("2 running sessions");
  stage().open("uninstalled");
  await b.turnOver();

  expect(toolResults(b.last()).map(({ failed }) => failed)).toEqual([false, false, false]);
  expect(readFileSync(join(stage().home, ".claude", "settings.json"), "utf8")).toBe(
    '{ "permissions": { "allow": ["Bash"] } }\n',
  );
  await expectNoComplaint(b);
});

hostTest("uninstalling wakes no session, with or without mail", async () => {
  const word = newWord("unheard");
  const asked = b.requests().length;
  await a.send({ to: "b", text: word });
  await pause(5_000);
  expect(b.requests().length).toBe(asked);
  expect(a.status()).toBe("idle");
  await expectNoComplaint(a);

  // The tools of a session that runs go on working, and what was sent to it is not lost.
  await b.play(use(cct("check_messages")), use(cct("list_peers")), say("done"));
  await b.turnOver();
  expect(toolResults(b.last()).map(({ failed }) => failed)).toEqual([false, false, false, false, false]);
  expect(timesIn(b.last(), word)).toBe(1);
  await expectNoComplaint(b);
});

hostTest("sessions that start after uninstalling have nothing of CCT", async () => {
  const later = await stage().start("later", { installed: false });
  await later.play(say("hello"));
  await later.turnOver();
  expect(JSON.stringify(later.last())).not.toMatch(/cct_|CCT/);
  expect(existsSync(join(stage().home, ".cct", "spool", String(later.pid)))).toBe(false);
  await expectNoComplaint(later);
});

async function expectNoComplaint(session: Session): Promise<void> {
  expect(await session.history()).not.toMatch(/hook|failed|error|not exist|reinstall/i);
}
