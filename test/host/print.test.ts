/** Mail for `claude -p`: it comes beside tools only, because what the model says last is the program's output. */
import { expect } from "vitest";
import { timesIn, toolResults } from "./requests.ts";
import { bash, say, use } from "./script.ts";
import type { Session } from "./session.ts";
import { expectReadOnce, hostTest, newWord, onStage, stage } from "./stage.ts";

let a: Session;

onStage(async (stage) => {
  a = await stage.start("a");
});

hostTest("in claude -p, mail that arrives while a tool runs appears in the same turn", async () => {
  const word = newWord("tool");
  const run = stage().print("printer", [use(stage().waitAt("printing")), use(bash("echo two")), say("all done")]);
  await stage().reached("printing");
  await a.send({ to: "printer", text: word });
  await stage().becomes(word, "claimed");
  stage().open("printing");
  const { status, stdout, stderr } = await run;

  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toContain("all done");
  const requests = stage().log.of("printer");
  expect(timesIn(requests[1], word)).toBe(1);
  expect(toolResults(requests.at(-1)).map(({ failed }) => failed)).toEqual([false, false]);
  await expectReadOnce(requests.at(-1), word);
});

/** A run whose mail arrives while its model says its last words. */
async function endsWithMail(name: string, word: string, env = {}) {
  const run = stage().print(name, [{ ...say("all done"), gate: name }], env);
  await stage().asked(name);
  await stage().registered(name);
  await a.send({ to: name, text: word });
  await stage().becomes(word, "claimed");
  stage().open(name);
  return run;
}

hostTest("mail does not change what claude -p prints: it ends unread, and its sender is told at once", async () => {
  const without = await stage().print("alone", [say("all done")]);
  const word = newWord("end");
  expect(await endsWithMail("ender", word)).toEqual({ ...without, answeredAt: expect.any(Number) });
  expect(without).toMatchObject({ status: 0, stdout: "all done\n", stderr: "" });

  const requests = stage().log.of("ender");
  expect(requests.map((request) => timesIn(request, word))).toEqual([0]);
  const { recipients } = await stage().becomes(word, "dead");
  expect(recipients.map(({ name }) => name)).toEqual(["ender"]);
  await a.given("has ended, and does not return");
  await a.turnOver();
});

hostTest("the peer of claude -p vanishes when it ends, and its name is free", async () => {
  for (let run = 0; run < 2; run++) {
    expect(await stage().print("vanishing", [say("all done")])).toMatchObject({ status: 0, stdout: "all done\n" });
    const { peers }: { peers: { name: string }[] } = JSON.parse((await stage().cct("peers", "--all", "--json")).stdout);
    expect(peers.map(({ name }) => name)).toEqual(["a"]);
  }
});

hostTest("mail that claude -p was shown beside its last tool is read when it ends", async () => {
  const word = newWord("beside");
  const run = stage().print("reader", [use(stage().waitAt("beside")), say("all done")]);
  await stage().reached("beside");
  await a.send({ to: "reader", text: word });
  await stage().becomes(word, "claimed");
  stage().open("beside");
  expect(await run).toMatchObject({ status: 0, stdout: "all done\n" });
  await stage().becomes(word, "read");
});

hostTest("with CCT_DELIVERY=stop, mail that arrives at the end of claude -p continues the turn", async () => {
  const word = newWord("asked");
  const { status } = await endsWithMail("asker", word, { CCT_DELIVERY: "stop" });
  expect(status).toBe(0);
  const requests = stage().log.of("asker");
  expect(requests.length).toBe(2);
  expect(timesIn(requests.at(-1), word)).toBe(1);
  await stage().becomes(word, "read");
});
