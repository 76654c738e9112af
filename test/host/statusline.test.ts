/** The status line in the real host: CCT's beside the user's own, and the user's own again after uninstalling. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { say, use } from "./script.ts";
import type { Session } from "./session.ts";
import { hostTest, newWord, onStage, stage } from "./stage.ts";
import { until } from "./wait.ts";

let a: Session;
let b: Session;

onStage(async (stage) => {
  [a, b] = await Promise.all([stage.start("a"), stage.start("b")]);
});

/** The host draws the line again when something happens, and every five seconds. */
async function shows(session: Session, line: RegExp): Promise<void> {
  let screen = "";
  const look = async (): Promise<boolean> => {
    screen = await session.screen();
    return line.test(screen);
  };
  await until(`the status line is ${line}`, look, { instead: () => screen });
}

function idOf(session: Session): string {
  return readFileSync(join(stage().home, ".cct", "pidmaps", String(session.pid)), "utf8").slice(0, 4);
}

const settings = (): string => join(stage().home, ".claude", "settings.json");

hostTest("the status line shows the peer's id", async () => {
  for (const session of [a, b]) await shows(session, new RegExp(`^ +CCT:${idOf(session)}$`, "m"));
});

hostTest("waiting mail is shown until it is read, and low mail does not wake the session", async () => {
  const word = newWord("low");
  await b.play(use(stage().waitAt("shown")), say("done"));
  await stage().reached("shown");
  await a.send({ to: "b", text: word, urgency: "low" });
  await shows(b, new RegExp(`^ +CCT:${idOf(b)} ✉1$`, "m"));
  stage().open("shown");
  await b.turnOver();
  await b.play(say("a turn"));
  await b.turnOver();
  await shows(b, new RegExp(`^ +CCT:${idOf(b)}$`, "m"));
});

hostTest("CCT:off is shown while the broker is stopped", async () => {
  expect((await stage().cct("kill")).status).toBe(0);
  await shows(b, /^ +CCT:off$/m);
  expect((await stage().cct("start")).status).toBe(0);
  await shows(b, new RegExp(`^ +CCT:${idOf(b)}$`, "m"));
});

hostTest("CCT:off is shown after the session server was killed", async () => {
  const lost = await stage().start("lost");
  await shows(lost, /^ +CCT:[0-9a-f]{4}$/m);
  const server = readFileSync(join(stage().home, ".cct", "spool", String(lost.pid), "server"), "utf8").split(" ")[0];
  process.kill(Number(server), "SIGKILL");
  await shows(lost, /^ +CCT:off$/m);
  await lost.exit();
});

hostTest(
  "the user's own status line is shown beside it, and alone after uninstalling, in running sessions",
  async () => {
    expect((await stage().cct("uninstall")).status).toBe(0);
    await until("the line is gone", async () => !(await b.screen()).includes("CCT:"));
    const own = {
      permissions: { allow: ["Bash"] },
      statusLine: { type: "command", command: "printf 'MINE of '; grep -o '\"version\":\"[0-9.]*\"'" },
    };
    const text = `${JSON.stringify(own, null, 2)}\n`;
    writeFileSync(settings(), text);
    await shows(b, /^ +MINE of "version":"2\.1\.\d+"$/m);
    expect((await stage().cct("install")).status).toBe(0);
    await shows(b, new RegExp(`^ +MINE of "version":"2\\.1\\.\\d+"  CCT:${idOf(b)}$`, "m"));
    const { status, stderr } = await stage().cct("uninstall");
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    await shows(b, /^ +MINE of "version":"2\.1\.\d+"$/m);
    expect(readFileSync(settings(), "utf8")).toBe(text);
  },
);
