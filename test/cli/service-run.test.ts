/** Running a command with its service registered. */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { isAlive } from "../../src/platform/process.ts";
import { ok } from "../support/api.ts";
import { spawnBroker, startBroker, type TestBroker } from "../support/broker.ts";
import { failure } from "../support/cct.ts";
import { atEnd } from "../support/cleanup.ts";
import { testClock } from "../support/clock.ts";
import { root, tempFolder } from "../support/folders.ts";
import { notRun } from "../support/not-run.ts";
import { newPeer } from "../support/peers.ts";
import { freePort } from "../support/ports.ts";
import { type Running, run } from "../support/process.ts";
import { until } from "../support/wait.ts";
import { type Person, personAt } from "./person.ts";

const clock = testClock();
let me: Person;
let broker: TestBroker;

beforeAll(async () => {
  broker = await startBroker({ clock });
  me = personAt(join(broker.home, ".."), broker.home, { CCT_HOME: broker.home });
});

async function seen(name: string, where = broker) {
  return (await ok(where, "list_services", {})).services.find((service) => service.name === name);
}

/** `cct service run …`, as a shell would start it. */
function running(name: string, url: string, command: string[], options: string[] = [], who = me): Running {
  const words = ["service", "run", "app", "--url", url, "--name", name, ...options, "--", ...command];
  const env = Object.fromEntries(
    Object.entries(who.env).filter((one): one is [string, string] => one[1] !== undefined),
  );
  const started = run(process.execPath, [join(root, "dist/bin.js"), ...words], { env });
  // Also when a test fails half-way: killed outright it would leave its command behind.
  atEnd(async () => {
    if (started.child.exitCode === null && started.child.signalCode === null) await started.stop("SIGTERM");
  });
  return started;
}

const server = (port: number): string[] => [
  process.execPath,
  "-e",
  `require("http").createServer((q, r) => r.end()).listen(${port}, "127.0.0.1"); console.log("up", process.pid)`,
];

describe("a command that runs as a service", () => {
  test("is registered while it runs, healthy once it answers, and removed when it ends", async () => {
    const port = await freePort();
    const url = `http://localhost:${port}`;
    const app = running("lively", url, server(port), ["--health", "/"]);
    const service = await until("it is healthy", async () => {
      const found = await seen("lively");
      return found?.health === "healthy" && found;
    });
    expect(service).toMatchObject({ kind: "app", url, host: hostname(), owner: "operator" });
    expect(service.expires_at - (service.health_at ?? 0)).toBe(60_000);
    process.kill(Number(await until("its process id", () => /up (\d+)/.exec(app.stdout())?.[1])), "SIGTERM");
    expect(await app.exited).toEqual({ code: 143, signal: null });
    expect(await seen("lively")).toBeUndefined();
    expect(app.stderr()).toBe("");
  });

  test("gets standard input, arguments and environment unchanged, and passes on its output and exit code", async () => {
    const folder = tempFolder();
    const script = 'cat; echo "err $MARK $1 $2" >&2; env >"$0"; exit 3';
    const file = join(folder, "env");
    const { code, stdout, stderr } = await me.cctWith(
      { stdin: "in\nput", env: { MARK: "a  b" } },
      ...["service", "run", "app", "--url", "tcp://localhost:1", "--", "bash", "-c", script, file, "--json", "x  y"],
    );
    expect({ code, stdout, stderr }).toEqual({ code: 3, stdout: "in\nput", stderr: "err a  b --json x  y\n" });
    const token = readFileSync(join(broker.home, "token"), "utf8").trim();
    const environment = readFileSync(file, "utf8");
    expect(environment).toContain("MARK=a  b");
    expect(environment).not.toContain(token);
    expect(environment).not.toMatch(/secret/i);
    expect(await seen("app")).toBeUndefined();
  });

  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)("%s is passed on to it, and its service is removed", async (signal, code) => {
    const app = running(`ended-${code}`, `tcp://localhost:${await freePort()}`, [
      "bash",
      "-c",
      "echo up; exec sleep 60",
    ]);
    await until("it runs", () => app.stdout().includes("up"));
    expect(await seen(`ended-${code}`)).toBeDefined();
    app.child.kill(signal);
    expect(await app.exited).toEqual({ code, signal: null });
    expect(await seen(`ended-${code}`)).toBeUndefined();
  });

  test("may handle a signal slowly and choose its own exit code", async () => {
    const script = 'trap "sleep 0.3; echo cleaned; exit 5" TERM; echo up; while :; do sleep 0.05; done';
    const app = running("slow-end", `tcp://localhost:${await freePort()}`, ["bash", "-c", script]);
    await until("it runs", () => app.stdout().includes("up"));
    expect(await app.stop("SIGTERM")).toEqual({ code: 5, signal: null });
    expect(app.stdout()).toBe("up\ncleaned\n");
    expect(await seen("slow-end")).toBeUndefined();
  });

  test("that cannot be started fails in one line and leaves no service", async () => {
    const url = `tcp://localhost:${await freePort()}`;
    const words = ["service", "run", "app", "--name", "never", "--url", url, "--", "/no/such/program"];
    expect(failure(await me.cct(...words))).toMatch(/'\/no\/such\/program' could not be started \(ENOENT\)/);
    expect(await seen("never")).toBeUndefined();
  });

  test("is not started at a place that is taken, even by the same owner", async () => {
    const url = `tcp://localhost:${await freePort()}`;
    const marker = join(tempFolder(), "started");
    const first = running("first-run", url, ["bash", "-c", "echo up; exec sleep 60"]);
    await until("it runs", () => first.stdout().includes("up"));
    const second = ["service", "run", "app", "--url", url, "--", "touch", marker];
    expect(failure(await me.cct(...second))).toMatch(/taken by the service 'first-run' .*yours too.*Unregister it/);
    expect(await seen("first-run")).toBeDefined();
    await first.stop("SIGTERM");
    expect((await me.cct(...second)).code).toBe(0);
    expect(existsSync(marker)).toBe(true);
  });

  test("is not started without a broker", async () => {
    const home = join(tempFolder(), "home");
    const alone = personAt(join(home, ".."), home, { CCT_HOME: home });
    const marker = join(tempFolder(), "started");
    const words = ["service", "run", "app", "--url", "tcp://localhost:1", "--", "touch", marker];
    expect(failure(await alone.cct(...words))).toMatch(/No broker runs.*cct start/);
    expect(existsSync(marker)).toBe(false);
  });

  test("survives a killed cct; its service becomes stale, frees its place, and is removed", async () => {
    const port = await freePort();
    const url = `tcp://localhost:${port}`;
    const app = running("orphan", url, server(port), ["--ttl", "60"]);
    await until("it is healthy", async () => (await seen("orphan"))?.health === "healthy");
    const pid = Number(await until("its process id", () => /up (\d+)/.exec(app.stdout())?.[1]));
    atEnd(() => isAlive(pid) && process.kill(pid, "SIGKILL"));
    app.child.kill("SIGKILL");
    await until("cct is gone", () => !isAlive(app.pid));
    expect(isAlive(pid)).toBe(true);
    expect((await seen("orphan"))?.health).toBe("healthy");
    clock.forward(60_000);
    expect((await seen("orphan"))?.health).toBe("stale");
    clock.forward(60_000);
    expect(await seen("orphan")).toBeUndefined();
    process.kill(pid, "SIGKILL");
  });

  test("is renewed at a third of its TTL", async () => {
    const port = await freePort();
    const app = running("renewed", `tcp://localhost:${port}`, server(port), ["--ttl", "10"]);
    const first = await until("it is healthy", async () => {
      const found = await seen("renewed");
      return found?.health === "healthy" && found;
    });
    const second = await until("it is renewed", async () => {
      const found = await seen("renewed");
      return found && found.expires_at > first.expires_at && found;
    });
    const apart = second.expires_at - first.expires_at;
    expect(apart).toBeGreaterThan(3_000);
    expect(second).toMatchObject({ health: "healthy", service_id: first.service_id });
    await app.stop("SIGTERM");
  });
});

describe("if the broker goes away while a command runs as a service", () => {
  test("the command continues, and the service returns with the broker, even if it was removed meanwhile", async () => {
    const later = testClock();
    const first = await startBroker({ clock: later });
    const person = personAt(join(first.home, ".."), first.home, { CCT_HOME: first.home });
    const port = await freePort();
    const app = running("survivor", `tcp://localhost:${port}`, server(port), ["--ttl", "10"], person);
    await until("it is healthy", async () => (await seen("survivor", first))?.health === "healthy");
    await first.stop();
    await until("it is said", () => app.stderr().includes("No broker runs"));
    // Long enough for the service to be removed.
    later.forward(100_000);
    const second = await startBroker({ home: first.home, clock: later });
    await until("it is healthy again", async () => (await seen("survivor", second))?.health === "healthy");
    expect(app.stderr().match(/cct: /g)).toHaveLength(1);
    expect(await app.stop("SIGTERM")).toMatchObject({ code: 143 });
    expect(await seen("survivor", second)).toBeUndefined();
  });

  test("the command ends without delay and keeps its exit code", async () => {
    const first = await spawnBroker();
    const person = personAt(join(first.home, ".."), first.home, { CCT_HOME: first.home });
    const script = 'echo up; while ! test -e "$0"; do sleep 0.05; done; exit 7';
    const end = join(tempFolder(), "end");
    const app = running("late", "tcp://localhost:1", ["bash", "-c", script, end], [], person);
    await until("it runs", () => app.stdout().includes("up"));
    await first.stop("SIGKILL");
    writeFileSync(end, "");
    expect(await app.exited).toEqual({ code: 7, signal: null });
  });

  test("a service that took its place meanwhile keeps it and is named", async () => {
    const later = testClock();
    const first = await startBroker({ clock: later });
    const person = personAt(join(first.home, ".."), first.home, { CCT_HOME: first.home });
    const url = `tcp://localhost:${await freePort()}`;
    const app = running("ousted", url, ["bash", "-c", "echo up; exec sleep 60"], ["--ttl", "10"], person);
    await until("it runs", async () => app.stdout().includes("up") && (await seen("ousted", first)));
    process.kill(app.pid, "SIGSTOP");
    later.forward(10_000);
    const cat = await newPeer(first, "cat");
    await ok(first, "register_service", { kind: "web", url, host: hostname() }, cat);
    process.kill(app.pid, "SIGCONT");
    await until("it is said", () => /taken by the service 'web' .* of cat\./.test(app.stderr()));
    await app.stop("SIGTERM");
    expect((await ok(first, "list_services", {})).services).toMatchObject([{ name: "web", owner_name: "cat" }]);
  });
});

const TERMINAL = "a command that runs as a service on a terminal gets each Ctrl-C once";

/** Whether there is the `script` that gives a command a terminal of its own. */
function hasTerminal(): boolean {
  const { stdout } = spawnSync("script", ["--version"], { encoding: "utf8" });
  return stdout?.includes("util-linux") ?? false;
}

test.skipIf(!hasTerminal() && notRun(TERMINAL, "script (util-linux) is not installed"))(TERMINAL, async () => {
  const file = join(tempFolder(), "command");
  const script = [
    'let times = 0; process.on("SIGINT", () => console.log("times:", ++times));',
    'process.stdin.on("data", (text) => { console.log("in all:", times); process.exit(6); });',
    'console.log("up")',
  ].join(" ");
  writeFileSync(
    file,
    `exec "${process.execPath}" "${join(root, "dist/bin.js")}" service run app --url tcp://localhost:1 --name tty -- "${process.execPath}" -e '${script}'`,
  );
  const child = spawn("script", ["-qec", `exec bash ${file}`, "/dev/null"], {
    env: me.env,
    stdio: ["pipe", "pipe", "ignore"],
  });
  atEnd(() => void child.kill("SIGKILL"));
  let screen = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    screen += text;
  });
  const code = new Promise((resolve) => child.once("close", resolve));
  await until("it runs", () => screen.includes("up"));
  // Two that come close together may be taken for one: with five, not each time.
  for (let times = 1; times <= 5; times++) {
    child.stdin.write("\x03");
    await until("it is noticed", () => screen.includes(`times: ${times}`));
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  child.stdin.write("enough\n");
  expect(await code).toBe(6);
  expect(screen).toContain("in all: 5\r\n");
  expect(await seen("tty")).toBeUndefined();
});
