/** Settings: showing, changing, and which source wins. */
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test as inTurn } from "vitest";
import { failure, success } from "../support/cct.ts";
import { freePort } from "../support/ports.ts";
import { endBrokerOf, newPerson, type Person } from "./person.ts";

// Each test has a home of its own, so that they may run side by side.
const test = inTurn.concurrent;

type Shown = Record<string, { value: unknown; source: string }>;

async function shown(person: Person, env: Record<string, string | undefined> = {}): Promise<Shown> {
  return JSON.parse(success(await person.cctWith({ env }, "config", "show", "--json"))).settings;
}

/** Of the library that checks values. */
const PROGRAMMERS_WORDS = /expected|received|Invalid (?:input|option)|Too (?:small|big)/;

const file = (person: Person): string => join(person.cctHome, "config.json");
const written = (person: Person): unknown => JSON.parse(readFileSync(file(person), "utf8"));

/** A person who has set nothing at all. */
const unset = { CCT_PORT: undefined };

test("a fresh home has the defaults, and showing them creates no home", async () => {
  const person = newPerson();
  expect(await shown(person, unset)).toEqual({
    host: { value: "127.0.0.1", source: "default" },
    port: { value: 7888, source: "default" },
    broker: { value: null, source: "default" },
    token: { value: null, source: "default" },
    fingerprint: { value: null, source: "default" },
    forwarded_to: { value: null, source: "default" },
    name: { value: null, source: "default" },
    take_seat: { value: true, source: "default" },
    delivery: { value: "inject", source: "default" },
    requests: { value: "own", source: "default" },
    mail_line: { value: "on", source: "default" },
    blocked_on: { value: "on", source: "default" },
    pool_absence_hours: { value: 24, source: "default" },
    clock_confirm_seconds: { value: 180, source: "default" },
    sends_per_minute: { value: 600, source: "default" },
    sends_per_pair: { value: 300, source: "default" },
    repeat_seconds: { value: 60, source: "default" },
    max_hops: { value: 20, source: "default" },
    wakes_per_hour: { value: 60, source: "default" },
    plain_http: { value: false, source: "default" },
    page_on_network: { value: false, source: "default" },
    notify_ntfy: { value: null, source: "default" },
    notify_ntfy_token: { value: null, source: "default" },
    notify_webhook: { value: null, source: "default" },
    notify_webhook_secret: { value: null, source: "default" },
    notify_kinds: { value: null, source: "default" },
    notify_after_seconds: { value: 30, source: "default" },
    notify_quiet: { value: null, source: "default" },
    notify_text: { value: false, source: "default" },
    notify_click: { value: null, source: "default" },
    cert: { value: null, source: "default" },
    key: { value: null, source: "default" },
    poll: { value: false, source: "default" },
    outbox: { value: false, source: "default" },
    requests_per_second: { value: 1000, source: "default" },
    registrations_per_minute: { value: 300, source: "default" },
    connections_per_address: { value: 1000, source: "default" },
    max_connections: { value: 4096, source: "default" },
    max_peers: { value: 10_000, source: "default" },
    max_pools: { value: 10_000, source: "default" },
    max_devices: { value: 1000, source: "default" },
    max_services: { value: 10_000, source: "default" },
    listing_page: { value: 200, source: "default" },
    idle_heartbeat_seconds: { value: 30, source: "default" },
    mailbox_messages: { value: 2000, source: "default" },
    keep_read_days: { value: 30, source: "default" },
    keep_failed_days: { value: 90, source: "default" },
    keep_notes_days: { value: 90, source: "default" },
    keep_peers_days: { value: 30, source: "default" },
    keep_pools_days: { value: 90, source: "default" },
    database_url: { value: null, source: "default" },
    database_pool: { value: 10, source: "default" },
  });
  const said = success(await person.cctWith({ env: unset }, "config"));
  expect(said).toMatch(/^SETTING +VALUE +FROM\n/);
  expect(said).toContain(person.cctHome);
  expect(existsSync(person.cctHome)).toBe(false);
});

test("a value that was set is shown with its source, stored for its owner only, and can be removed", async () => {
  const person = newPerson();
  for (const [name = "", value = ""] of [
    ["port", "8001"],
    ["delivery", "block"],
    ["name", "ünï ✓"],
    ["broker", "http://127.0.0.1:9"],
  ]) {
    expect(success(await person.cct("config", "set", name, value))).toContain(`${name} is set to ${value}.`);
  }
  const settings = await shown(person, unset);
  for (const name of ["port", "delivery", "name", "broker"]) expect(settings[name]?.source).toBe(file(person));
  expect(settings.port?.value).toBe(8001);
  expect(settings.name?.value).toBe("ünï ✓");
  expect(statSync(file(person)).mode & 0o777).toBe(0o600);
  expect(success(await person.cct("config", "set", "port"))).toBe("port is reset to its default.\n");
  expect((await shown(person, unset)).port).toEqual({ value: 7888, source: "default" });
  expect(Object.keys(written(person) as object).sort()).toEqual(["broker", "delivery", "name"]);
});

test.each([
  ["port", "abc"],
  ["port", "65536"],
  ["port", "-1"],
  ["port", "1.5"],
  ["delivery", "loud"],
  ["poll", "often"],
  ["broker", "not a url"],
  ["broker", "file:///etc/passwd"],
  ["name", ""],
  ["prot", "8000"],
  ["__proto__", "1"],
])("config set %s %s is refused and leaves the file unchanged", async (name, value) => {
  const person = newPerson();
  mkdirSync(person.cctHome, { mode: 0o700 });
  writeFileSync(file(person), '{"port": 8002}');
  const run = await person.cct("config", "set", "--", name, value);
  expect(run).toMatchObject({ code: 2, stdout: "" });
  expect(run.stderr).toMatch(/^cct: [^\n]{1,200}\n$/);
  expect(run.stderr).toContain(name);
  expect(run.stderr).not.toMatch(PROGRAMMERS_WORDS);
  expect(readFileSync(file(person), "utf8")).toBe('{"port": 8002}');
});

test("the file overrides defaults, the environment the file, and a flag the environment", async () => {
  const person = newPerson();
  endBrokerOf(person);
  success(await person.cct("config", "set", "port", "8003"));
  expect((await shown(person, unset)).port).toEqual({ value: 8003, source: file(person) });
  // An empty variable is none.
  expect((await shown(person, { CCT_PORT: "" })).port).toEqual({ value: 8003, source: file(person) });
  expect((await shown(person, { CCT_PORT: "8004" })).port).toEqual({ value: 8004, source: "CCT_PORT" });
  const port = await freePort();
  success(await person.cctWith({ env: { CCT_PORT: "8004" } }, "start", "--port", String(port)));
  expect(JSON.parse(readFileSync(join(person.cctHome, "broker.json"), "utf8")).url).toBe(`http://127.0.0.1:${port}`);
});

test.each([["{ cut"], ["[]"], ['{"port": "abc"}'], ['{"prot": 1}'], ["null"], [""]])(
  "a config.json that contains %s is named by every command that needs it, and stays unchanged",
  async (text) => {
    const person = newPerson();
    mkdirSync(person.cctHome, { mode: 0o700 });
    writeFileSync(file(person), text);
    for (const words of [["status"], ["start"], ["config", "show"], ["config", "set", "port", "8005"]]) {
      expect(failure(await person.cctWith({ env: unset }, ...words))).toContain(file(person));
    }
    expect(readFileSync(file(person), "utf8")).toBe(text);
  },
);

test("an invalid variable is named", async () => {
  const person = newPerson();
  for (const [name, value] of [
    ["CCT_PORT", "abc"],
    ["CCT_DELIVERY", "loud"],
    ["CCT_BROKER", "ftp://x"],
  ] as const) {
    expect(failure(await person.cctWith({ env: { [name]: value } }, "status"))).toContain(name);
  }
});
