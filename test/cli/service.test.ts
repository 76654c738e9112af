/** Services from the command line: registering, listing, unregistering. */
import { createServer } from "node:http";
import { createServer as createTcpServer } from "node:net";
import { hostname } from "node:os";
import { beforeAll, describe, expect, test } from "vitest";
import { ok } from "../support/api.ts";
import { failure, success, wrongUsage } from "../support/cct.ts";
import { newPeer, type TestPeer } from "../support/peers.ts";
import { freePort, listening } from "../support/ports.ts";
import { until } from "../support/wait.ts";
import { personWithBroker } from "./person.ts";

let me: Awaited<ReturnType<typeof personWithBroker>>;
let ben: TestPeer;

beforeAll(async () => {
  me = await personWithBroker();
  ben = await newPeer(me.broker, "ben");
});

const json = async (...words: string[]) => JSON.parse(success(await me.cct(...words, "--json")));

async function seen(name: string) {
  return (await ok(me.broker, "list_services", {})).services.find((service) => service.name === name);
}

describe("registering", () => {
  test("says for how long, and whether the service answers", async () => {
    const port = await listening(createTcpServer((socket) => socket.destroy()));
    const pattern = `^main-db is registered for 60 min, (healthy|unhealthy): tcp://localhost:${port} \\([0-9a-f]{8}\\)\n$`;
    await until("it is healthy, which a slow machine may miss", async () => {
      const said = success(await me.cct("service", "register", "db", `tcp://localhost:${port}`, "--name", "main-db"));
      expect(said).toMatch(new RegExp(pattern));
      return said.includes(", healthy: ");
    });
    expect(await seen("main-db")).toMatchObject({ kind: "db", host: hostname(), owner: "operator", health: "healthy" });
  });

  test("a service that does not answer says so, in text and in JSON", async () => {
    const url = `http://localhost:${await freePort()}`;
    const made = await json("service", "register", "broken", url, "--ttl", "60", "--health", "/up");
    expect(made).toMatchObject({ name: "broken", url, health: "unhealthy", health_at: expect.any(Number) });
    expect(made).toEqual(await seen("broken"));
  });

  test("at a place that is taken names the owner and changes nothing", async () => {
    const url = `http://localhost:${await freePort()}`;
    await ok(me.broker, "register_service", { kind: "bens", url, host: hostname() }, ben);
    const said = failure(await me.cct("service", "register", "mine", url));
    expect(said).toMatch(/is taken by the service 'bens' .* of ben\. .*another port/);
    expect(await seen("mine")).toBeUndefined();
  });

  test.each([
    ["http://ann:hunter2@localhost:1", /password/],
    ["localhost", /scheme:\/\//],
    ["tcp://localhost", /port/],
  ])("%s is refused in one line", async (url, says) => {
    const said = wrongUsage(await me.cct("service", "register", "web", url));
    expect(said).toMatch(says);
    expect(said).not.toContain("hunter2");
  });

  test("refuses a TTL outside the bounds, and names them", async () => {
    for (const ttl of ["9", "86401"]) {
      const said = wrongUsage(await me.cct("service", "register", "web", "tcp://localhost:1", "--ttl", ttl));
      expect(said).toMatch(/^--ttl must be .*(10|86400)/);
    }
  });

  test.each([
    ["register"],
    ["register", "web"],
    ["register", "web", "tcp://localhost:1", "more"],
    ["register", "web", "tcp://localhost:1", "--ttl", "soon"],
    ["register", "web", "tcp://localhost:1", "--ttl", "-5"],
    ["unregister"],
    ["list", "--kind"],
    ["run", "web"],
    ["run", "web", "--", "true"],
    ["run", "web", "--url", "tcp://localhost:1"],
    ["run", "web", "--url", "tcp://localhost:1", "--"],
    ["frobnicate"],
    [],
  ])("cct service %s %s %s: wrong usage exits with 2", async (...words) => {
    const run = await me.cct("service", ...words.filter((word) => word !== undefined));
    expect(run).toMatchObject({ code: 2, stdout: "" });
    expect(run.stderr).toMatch(/^cct: |^Usage: /);
  });
});

describe("a probe", () => {
  let asked: string[] = [];
  let port: number;
  let redirected = 0;
  beforeAll(async () => {
    const elsewhere = await listening(
      createServer((_, response) => {
        redirected += 1;
        response.end();
      }),
    );
    port = await listening(
      createServer((request, response) => {
        asked.push(`${request.method} ${request.url} ${request.headers.host}`);
        const status = Number(/\d{3}/.exec(request.url ?? "")?.[0] ?? 0);
        // Without a status: an answer that never comes.
        if (status === 0) return;
        response.writeHead(status, { location: `http://localhost:${elsewhere}/` });
        response.flushHeaders();
        // A body that never ends is none of the probe's business.
        if (status === 200) response.write("x".repeat(100_000));
      }),
    );
  });

  test.each([
    [200, "healthy"],
    [204, "healthy"],
    [301, "healthy"],
    [302, "healthy"],
    [404, "unhealthy"],
    [500, "unhealthy"],
  ])("that gets %i means %s; it asks once and follows no redirect", async (status, health) => {
    const url = `http://localhost:${port}/app`;
    // A slow machine may not answer within the time of a probe.
    await until("a probe in time", async () => {
      asked = [];
      const made = await json("service", "register", "probed", url, "--health", `/up/${status}?deep=1`);
      return made.health === health && asked.length > 0;
    });
    expect(asked).toEqual([`GET /up/${status}?deep=1 localhost:${port}`]);
    expect(redirected).toBe(0);
  });

  test("that gets no answer in time means unhealthy", async () => {
    const started = performance.now();
    const made = await json("service", "register", "mute", `http://127.0.0.1:${port}`, "--health", "/never");
    expect(made.health).toBe("unhealthy");
    expect(performance.now() - started).toBeGreaterThan(1_900);
  });

  test("reaches a listener under every name of this machine", async () => {
    for (const url of [`ws://127.0.0.1:${port}`, `tcp://0.0.0.0:${port}`, `http://app.localhost:${port}`])
      await until(`${url} is reached`, async () => {
        const made = await json("service", "register", "named", url);
        expect(made).toMatchObject({ url });
        return made.health === "healthy";
      });
  });
});

describe("listing and unregistering", () => {
  test("the list shows each service's kind, owner, health and URL", async () => {
    const url = `http://localhost:${await freePort()}`;
    await ok(me.broker, "register_service", { kind: "listed", url, host: "box", name: "shop" }, ben);
    const said = success(await me.cct("service", "list", "--kind", "listed"));
    const [head, row, ...more] = said.trimEnd().split("\n");
    expect(head).toMatch(/^NAME +ID +KIND +OWNER +HEALTH +EXPIRES +MACHINE +URL$/);
    expect(row).toMatch(new RegExp(`^shop +[0-9a-f]{8} +listed +ben +unknown +in 60 min +box +${url}$`));
    expect(more).toEqual([]);
    expect(await json("service", "list", "--kind", "listed")).toEqual({ services: [await seen("shop")] });
    expect(success(await me.cct("service", "list", "--kind", "nothing"))).toMatch(
      /^No service of kind nothing is registered/,
    );
    expect(await json("service", "list", "--kind", "nothing")).toEqual({ services: [] });
  });

  test("the operator can unregister any service by name", async () => {
    const url = `http://localhost:${await freePort()}`;
    await ok(me.broker, "register_service", { kind: "web", url, host: "box", name: "to-end" }, ben);
    expect(success(await me.cct("service", "unregister", "to-end"))).toBe(`to-end is no longer registered: ${url}\n`);
    expect(await seen("to-end")).toBeUndefined();
    expect(failure(await me.cct("service", "unregister", "to-end"))).toMatch(/no such service/);
  });
});
