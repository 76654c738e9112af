/** `cct tail`: shows each message once, in order, also when the broker restarts, and ends with Ctrl-C. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { ok } from "../support/api.ts";
import { startBroker } from "../support/broker.ts";
import { root } from "../support/folders.ts";
import { newPeer } from "../support/peers.ts";
import { type Running, run } from "../support/process.ts";
import { until } from "../support/wait.ts";
import { type Person, personWithBroker } from "./person.ts";

function start(person: Person, ...args: string[]): Running {
  const env = Object.fromEntries(Object.entries(person.env).flatMap(([name, value]) => (value ? [[name, value]] : [])));
  return run(process.execPath, [join(root, "dist/bin.js"), ...args], { env, cwd: person.home });
}

const texts = (tail: Running): string[] =>
  tail
    .stdout()
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line).text);

test("what was sent is shown, and what comes, each once, also after a restart of the broker", async () => {
  const me = await personWithBroker(startBroker);
  const ann = await newPeer(me.broker, "ann");
  const send = (broker: typeof me.broker, text: string) => ok(broker, "send_message", { to: "ann", text });
  for (let i = 0; i < 15; i++) await send(me.broker, `before ${i}`);
  const tail = start(me, "tail", "ann", "--json", "--lines", "3");
  await until("the latest are shown", () => texts(tail).length >= 3);
  await send(me.broker, "first");
  await until("what came is shown", () => texts(tail).includes("first"));
  await me.broker.stop();
  const again = await startBroker({ home: me.broker.home });
  for (const text of ["second", "third"]) await send(again, text);
  await until("it goes on", () => texts(tail).includes("third"));
  await ok(again, "send_message", { to: "operator", text: "not for ann" }, await newPeer(again, "ben"));
  await ok(again, "send_message", { to: "operator", text: "last" }, ann);
  await until("the last is shown", () => texts(tail).includes("last"));
  expect(await tail.stop("SIGINT")).toMatchObject({ code: 0 });
  expect(texts(tail)).toEqual(["before 12", "before 13", "before 14", "first", "second", "third", "last"]);
});

test("for people it is a line each, safe on a terminal", async () => {
  const me = await personWithBroker(startBroker);
  await newPeer(me.broker, "ann");
  const tail = start(me, "tail");
  await ok(me.broker, "send_message", { to: "ann", text: "two\nlines \u202e" });
  await until("it is shown", () => tail.stdout().includes("lines"));
  expect(tail.stdout()).toMatch(/^\d\d:\d\d:\d\d operator → ann\S* {2}two\n {4}lines\s*\n$/);
  await tail.stop("SIGTERM");
});

test("a wrong number of lines is wrong usage, in the command's words", async () => {
  const tail = start(await personWithBroker(startBroker), "tail", "--lines", "1001");
  expect((await tail.exited).code).toBe(2);
  expect(tail.stderr()).toMatch(/^cct: --lines must .*cct tail --help\n$/);
});

test("of a pool that is not there it says so", async () => {
  const me = await personWithBroker(startBroker);
  const tail = start(me, "tail", "@nowhere");
  expect(await tail.exited).toMatchObject({ code: 1 });
  expect(tail.stderr()).toMatch(/^cct: There is no pool '@nowhere'.*\n$/);
});
