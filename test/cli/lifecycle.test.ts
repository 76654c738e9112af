/** The broker's lifecycle from the command line: start, status, kill. */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, test as inTurn } from "vitest";
import { isAlive } from "../../src/platform/process.ts";
import { ok, refused } from "../support/api.ts";
import { failure, success } from "../support/cct.ts";
import { place } from "../support/peers.ts";
import { until } from "../support/wait.ts";
import { endBrokerOf, newPerson, type Person } from "./person.ts";

// Each test has a home of its own, so that they may run side by side.
const test = inTurn.concurrent;

async function status(person: Person): Promise<Record<string, unknown>> {
  return JSON.parse((await person.cct("status", "--json")).stdout);
}

describe("without a broker", () => {
  test("status says so with exit code 1, and what to do", async () => {
    const person = newPerson();
    expect(failure(await person.cct("status"))).toMatch(/No broker runs .*cct start/);
    const run = await person.cct("status", "--json");
    expect(run).toMatchObject({ code: 1, stderr: "" });
    expect(JSON.parse(run.stdout)).toEqual({ running: false, home: person.cctHome });
  });

  test("kill has nothing to do and succeeds", async () => {
    expect(success(await newPerson().cct("kill"))).toBe("No broker is running.\n");
  });

  test.each([["peers"], ["messages"], ["send", "ben", "hi"], ["message", "message-0001"]])(
    "%s fails and says how to start one",
    async (...words) => {
      expect(failure(await newPerson().cct(...words))).toMatch(/cct start/);
    },
  );
});

test("start and kill can be repeated, and status follows them", async () => {
  const person = newPerson();
  endBrokerOf(person);
  expect(success(await person.cct("start"))).toMatch(/runs now: process \d+, home /);
  const about = await status(person);
  expect(about).toMatchObject({ running: true, home: person.cctHome, peers: 0, live: 0, waiting: 0 });
  const pid = Number(about.pid);
  expect(isAlive(pid)).toBe(true);
  expect(success(await person.cct("status"))).toContain(`process ${pid}`);
  expect(success(await person.cct("start"))).toContain(`was running already: process ${pid}`);
  expect((await status(person)).pid).toBe(pid);

  expect(success(await person.cct("kill"))).toBe(`The broker, process ${pid}, has ended.\n`);
  expect(isAlive(pid)).toBe(false);
  expect(existsSync(join(person.cctHome, "broker.json"))).toBe(false);
  expect(success(await person.cct("kill"))).toBe("No broker is running.\n");
  expect(await status(person)).toMatchObject({ running: false });
});

test("six starts at once give one broker, which all of them report", async () => {
  const person = newPerson();
  endBrokerOf(person);
  const runs = await Promise.all(Array.from({ length: 6 }, () => person.cct("start")));
  const pids = new Set(runs.map((run) => /process (\d+)/.exec(success(run))?.[1]));
  expect(pids.size).toBe(1);
  expect(String((await status(person)).pid)).toBe([...pids][0]);
});

test("after a broker was killed with SIGKILL, status says so and start starts a new one", async () => {
  const person = newPerson();
  endBrokerOf(person);
  success(await person.cct("start"));
  const { pid } = await status(person);
  process.kill(Number(pid), "SIGKILL");
  await until("it is gone", () => !isAlive(Number(pid)));
  expect(failure(await person.cct("status"))).toMatch(/No broker runs/);
  expect(success(await person.cct("kill"))).toBe("No broker is running.\n");
  expect(success(await person.cct("start"))).toMatch(/runs now/);
  expect((await status(person)).pid).not.toBe(pid);
});

test("a broker whose file or token was taken away is still found and can be stopped", async () => {
  const person = newPerson();
  endBrokerOf(person);
  const file = join(person.cctHome, "broker.json");
  for (const damage of [() => rmSync(file), () => writeFileSync(file, "{}")]) {
    success(await person.cct("start"));
    const { pid } = await status(person);
    damage();
    await until("the broker has written its file again", async () => (await status(person)).pid === pid);
    expect(success(await person.cct("kill"))).toContain(`process ${pid}, has ended`);
  }
  success(await person.cct("start"));
  const { pid } = await status(person);
  writeFileSync(join(person.cctHome, "token"), `${"f".repeat(32)}\n`);
  expect(failure(await person.cct("start"))).toMatch(/cct kill/);
  expect(success(await person.cct("kill"))).toContain(`process ${pid}, has ended`);
  success(await person.cct("start"));
});

test("a broker that was stopped with SIGSTOP is ended", async () => {
  const person = newPerson();
  endBrokerOf(person);
  success(await person.cct("start"));
  const pid = Number((await status(person)).pid);
  process.kill(pid, "SIGSTOP");
  expect(success(await person.cct("kill"))).toContain(`process ${pid}, has ended`);
  expect(isAlive(pid)).toBe(false);
});

test("a port that another program uses is named, with what to do", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => other.once("listening", resolve));
  const address = other.address();
  const port = typeof address === "object" && address ? address.port : 0;
  const person = newPerson();
  endBrokerOf(person);
  for (const words of [["start", "--foreground"], ["start"]]) {
    // The other program does not speak HTTP, and never answers: whoever asks it hangs up.
    other.once("connection", (socket) => socket.destroy());
    expect(failure(await person.cct(...words, "--port", String(port)))).toMatch(/[Pp]ort .*cct config set port/);
  }
  other.close();
});

test("an address that this machine does not have is named", async () => {
  const person = newPerson();
  endBrokerOf(person);
  for (const words of [["start", "--foreground"], ["start"]])
    expect(failure(await person.cct(...words, "--host", "192.0.2.77"))).toMatch(/cannot listen on 192\.0\.2\.77/);
  expect(await status(person)).toMatchObject({ running: false });
});

test("in the foreground it prints its address, and a signal ends it cleanly", async () => {
  const { launch } = await import("../support/broker.ts");
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    const broker = launch();
    await until("it listens", () => broker.stdout().includes("listens on http://127.0.0.1:"));
    expect(await broker.stop(signal)).toEqual({ code: 0, signal: null });
    expect(broker.stderr()).toBe("");
    expect(existsSync(join(broker.home, "broker.json"))).toBe(false);
  }
});

test("the broker does not inherit what it does not need of the user's environment", async () => {
  const person = newPerson({ ANTHROPIC_API_KEY: "sk-secret", CCT_NAME: "x", OTHER: "y" });
  endBrokerOf(person);
  success(await person.cct("start"));
  const { pid } = await status(person);
  if (process.platform === "linux") {
    const environment = readFileSync(`/proc/${pid}/environ`, "latin1").split("\0");
    expect(environment).toContain(`HOME=${person.home}`);
    expect(environment.join("\n")).not.toMatch(/sk-secret|CCT_NAME|OTHER/);
  }
  expect((await status(person)).running).toBe(true);
});

test("a broker uses the settings of the environment that started it", async () => {
  const person = newPerson({ CCT_SENDS_PER_PAIR: "1" });
  endBrokerOf(person);
  success(await person.cct("start"));
  const { url }: { url: string } = JSON.parse(readFileSync(join(person.cctHome, "broker.json"), "utf8"));
  const broker = { url, token: readFileSync(join(person.cctHome, "token"), "utf8").trim() };
  const ann = await ok(broker, "register", { ...place(), name: "ann" });
  await ok(broker, "register", { ...place(), name: "ben" });
  const me = { peer_id: ann.peer_id, secret: ann.secret ?? "" };
  await ok(broker, "send_message", { to: "ben", text: "one" }, me);
  expect(await refused(broker, "send_message", { to: "ben", text: "two" }, me)).toMatchObject({ status: 429 });
});

test("start with another port or host, while the broker runs, says that it changes nothing", async () => {
  const person = newPerson();
  endBrokerOf(person);
  success(await person.cct("start"));
  const { url } = JSON.parse(readFileSync(join(person.cctHome, "broker.json"), "utf8"));
  const other = url.endsWith(":7999") ? "7998" : "7999";
  expect(failure(await person.cct("start", "--port", other))).toMatch(
    /runs already, at .*--port changes nothing.*cct kill/,
  );
  expect(failure(await person.cct("start", "--host", "0.0.0.0"))).toMatch(/--host changes nothing/);
  expect(success(await person.cct("start", "--host", "127.0.0.1", "--port", new URL(url).port))).toContain(
    "running already",
  );
});
