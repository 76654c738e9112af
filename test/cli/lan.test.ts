/** Where the broker listens: addresses of this machine, refused ones, and settings after a failure. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test as inTurn } from "vitest";
import { ownAddresses } from "../../src/platform/addresses.ts";
import { failure, success, wrongUsage } from "../support/cct.ts";
import { notRun } from "../support/not-run.ts";
import { endBrokerOf, newPerson, type Person } from "./person.ts";

// Each test has a home of its own, so that they may run side by side.
const test = inTurn.concurrent;

const [address] = ownAddresses(["IPv4"]);
const withAddress = (title: string) =>
  inTurn.skipIf(address === undefined && notRun(title, "this machine has no network address"));

const settings = (person: Person): unknown => JSON.parse(readFileSync(join(person.cctHome, "config.json"), "utf8"));
const pidOf = (person: Person): unknown => JSON.parse(readFileSync(join(person.cctHome, "broker.json"), "utf8")).pid;

inTurn.skipIf(process.platform !== "linux" && notRun("127.0.0.2", "only Linux has all of 127/8"))(
  "a broker that listens on 127.0.0.2 can be used",
  async () => {
    const person = newPerson();
    endBrokerOf(person);
    success(await person.cct("start", "--host", "127.0.0.2"));
    expect(success(await person.cct("status"))).toContain("running");
    expect(success(await person.cct("peers"))).toContain("No peer is registered");
  },
);

test("lan-start on an address that other machines cannot reach is refused before anything changes, and names better ones", async () => {
  const person = newPerson();
  endBrokerOf(person);
  success(await person.cct("start"));
  const pid = pidOf(person);
  for (const host of ["localhost", "127.0.0.1", "127.0.0.2", "::1"]) {
    const said = wrongUsage(await person.cct("lan-start", "--host", host));
    expect(said).toContain(`Other machines cannot reach ${host}`);
    expect(said).toContain(address ?? "--host");
    expect(() => settings(person)).toThrow("ENOENT");
    expect(pidOf(person)).toBe(pid);
  }
});

test("lan-start with an address of another machine, or an invalid port, leaves the broker and the settings as they are", async () => {
  const person = newPerson();
  endBrokerOf(person);
  success(await person.cct("start"));
  const pid = pidOf(person);
  expect(wrongUsage(await person.cct("lan-start", "--host", "198.51.100.7"))).toContain("EADDRNOTAVAIL");
  expect(wrongUsage(await person.cct("lan-start", "--port", "70000"))).toContain("'port'");
  expect(() => settings(person)).toThrow("ENOENT");
  expect(pidOf(person)).toBe(pid);
});

withAddress("lan-start keeps the address of the lan-start before")(
  "lan-start keeps the address of the lan-start before",
  async () => {
    const person = newPerson();
    endBrokerOf(person);
    success(await person.cct("lan-start", "--host", address ?? ""));
    const again = JSON.parse(success(await person.cct("lan-start", "--json")));
    expect(again.addresses).toEqual([expect.stringContaining(`${address}:`)]);
    expect(settings(person)).toEqual({ host: address });
  },
);

withAddress("a lan-stop that fails leaves the settings as they are")(
  "a lan-stop that fails leaves the settings as they are",
  async () => {
    const person = newPerson();
    endBrokerOf(person);
    success(await person.cct("lan-start", "--host", address ?? ""));
    success(await person.cct("config", "set", "database_url", "postgres://nobody@127.0.0.1:1/none"));
    const before = settings(person);
    failure(await person.cct("lan-stop"));
    expect(settings(person)).toEqual(before);
  },
);

test("six settings that are set at once are all kept", async () => {
  const person = newPerson();
  const wanted = {
    name: "studio",
    delivery: "block",
    max_hops: 7,
    keep_read_days: 8,
    keep_notes_days: 9,
    max_peers: 10,
  };
  const runs = Object.entries(wanted).map(([name, value]) =>
    person.cctWith({ within: (command) => command }, "config", "set", name, String(value)),
  );
  for (const run of await Promise.all(runs)) success(run);
  expect(settings(person)).toEqual(wanted);
});
