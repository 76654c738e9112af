/** What people see fits their terminal: no line of a listing is wider, the name stands first, and what matters is whole. */

import fc from "fast-check";
import measure from "fast-string-truncated-width";
import { beforeAll, describe, expect, test } from "vitest";
import { shortenMiddle, table, wrap } from "../../src/cli/parts/table.ts";
import { ok } from "../support/api.ts";
import { success } from "../support/cct.ts";
import { newPeer, stayAlive } from "../support/peers.ts";
import { personWithBroker } from "./person.ts";

const WIDTHS = [80, 100, 200];
const LONG = "a sentence that goes on about one thing and another ".repeat(8);

let me: Awaited<ReturnType<typeof personWithBroker>>;

beforeAll(async () => {
  me = await personWithBroker();
  const { broker } = me;
  const long = { cwd: `/home/ann/${"deep/".repeat(30)}app`, branch: `feature/${"long-".repeat(20)}x`, summary: LONG };
  const ann = await newPeer(broker, "a-name-of-32-characters-01234567", {
    ...long,
    host: `a-${"long-".repeat(10)}host`,
  });
  const ben = await newPeer(broker, "ben", { summary: "short" });
  // On a slow machine this file takes longer than a session may be silent.
  stayAlive(broker, ann, ben);
  await ok(broker, "create_pool", { name: "a-pool-with-a-rather-long-name-as-well", purpose: LONG.slice(0, 400) }, ann);
  await ok(broker, "invite_to_pool", { pool: "a-pool-with-a-rather-long-name-as-well", peer: "ben" }, ann);
  await ok(broker, "set_busy", { reason: LONG.slice(0, 150), estimate_seconds: 600 }, ben);
  await ok(broker, "send_message", { to: "operator", text: LONG }, ann);
  await ok(broker, "send_message", { to: "@a-pool-with-a-rather-long-name-as-well", text: LONG }, ann);
  await ok(
    broker,
    "send_message",
    { to: "ben", text: "日本語の文章です。".repeat(30), message_id: "an-id-of-a-client-that-is-rather-long" },
    ann,
  );
  await ok(broker, "inbound_policy", { policy: "hold", from: ann.name }, ben);
  await ok(broker, "send_message", { to: "ben", text: LONG }, ann);
  await ok(broker, "add_device", { name: "a-device-with-a-long-name-0123456789" });
  await ok(
    broker,
    "register_service",
    { kind: "preview", url: `http://127.0.0.1:5173/${"path/".repeat(40)}`, host: "h" },
    ann,
  );
});

const commands = [
  ["status"],
  ["peers"],
  ["inbox"],
  ["inbox", "--all"],
  ["pools"],
  ["pool", "status", "a-pool-with-a-rather-long-name-as-well"],
  ["messages"],
  ["message", "an-id-of-a-client-that-is-rather-long"],
  ["held"],
  ["policy", "--peer", "ben"],
  ["notes"],
  ["device", "list"],
  ["service", "list"],
  ["cost"],
  ["config", "show"],
  ["broker", "status"],
];

const at = async (columns: number, ...words: string[]): Promise<string> =>
  success(await me.cctWith({ columns, env: { ...me.env, NO_COLOR: "1" } }, ...words));
const widest = (text: string): number => Math.max(...text.split("\n").map((line) => measure(line).width));

describe.each(WIDTHS)("on a terminal of %d columns", (columns) => {
  test.each(commands)("cct %s %s", async (...words) => {
    const said = await at(columns, ...words.filter((word) => word !== undefined));
    // A home's path is one word, and is not broken.
    const lines = said.split("\n").filter((line) => !line.includes(me.cctHome));
    expect(widest(lines.join("\n"))).toBeLessThanOrEqual(columns);
  });
});

test("ids are whole even on a terminal of 40 columns", async () => {
  const { peers } = JSON.parse(success(await me.cct("peers", "--json")));
  const { messages } = JSON.parse(success(await me.cct("messages", "--json")));
  const { pools } = JSON.parse(success(await me.cct("pools", "--json")));
  const shown: [string, string[]][] = [
    ["peers", peers.map((one: { peer_id: string }) => one.peer_id.slice(0, 4))],
    ["pools", pools.map((one: { pool_id: string }) => one.pool_id.slice(0, 4))],
    [
      "inbox",
      ["message_id"].flatMap(() => [
        messages.find((one: { to: string }) => one.to === "operator").message_id.slice(-8),
      ]),
    ],
    [
      "messages",
      messages
        .map((one: { message_id: string }) => /[0-9a-f-]{36}/.test(one.message_id) && one.message_id.slice(-8))
        .filter(Boolean),
    ],
  ];
  for (const [command, ids] of shown) {
    const said = await at(40, command);
    expect(widest(said.replace(/^(?:Older|To read|\d+ unread).*$/gm, ""))).toBeLessThanOrEqual(40);
    for (const id of ids) expect(said, command).toContain(id);
  }
});

test("COLUMNS wins over what the terminal says", async () => {
  const said = success(await me.cctWith({ columns: 200, env: { ...me.env, NO_COLOR: "1", COLUMNS: "60" } }, "peers"));
  expect(widest(said)).toBeLessThanOrEqual(60);
});

test("the name stands first, and ids, states and counts are whole, also at 80 columns", async () => {
  for (const words of [["peers"], ["pools"], ["device", "list"], ["service", "list"]])
    expect(await at(80, ...words)).toMatch(/^NAME /);
  for (const words of [["inbox"], ["messages"], ["held"]]) expect(await at(80, ...words)).toMatch(/^FROM /);
  const said = await at(80, "peers");
  expect(said).toMatch(/\nben +busy \(.* [0-9a-f]{4} /);
  expect(said).toMatch(/\na-name\S*…\S*567 +idle .* [0-9a-f]{4} /);
  expect(await at(80, "inbox")).toMatch(/\na-name\S*…\S+ +unread +(just now|\d+ (s|min) ago) +\S{8} +a sentence/);
});

test("without a terminal nothing is cut, and times are exact in JSON", async () => {
  const said = success(await me.cct("peers"));
  for (const part of ["a-name-of-32-characters-01234567", `${"deep/".repeat(30)}app`, `feature/${"long-".repeat(20)}x`])
    expect(said).toContain(part);
  const { messages } = JSON.parse(success(await me.cctWith({ columns: 80 }, "messages", "--full", "--json")));
  expect(messages[0]).toMatchObject({ sent_at: expect.any(Number), text: LONG });
  expect(await at(80, "messages")).not.toMatch(/\d{4}-\d\d-\d\d/);
});

describe("colour", () => {
  const ESC = "\u001b[";
  const columns = 100;
  test("marks what wants somebody; NO_COLOR and a pipe turn it off", async () => {
    const { NO_COLOR: _, ...env } = me.env;
    const painted = success(await me.cctWith({ columns, env }, "peers"));
    expect(painted).toContain(`${ESC}33mbusy (`);
    expect(success(await me.cctWith({ columns, env: { ...env, NO_COLOR: "1" } }, "peers"))).not.toContain(ESC);
    expect(success(await me.cctWith({ env }, "peers"))).not.toContain(ESC);
  });
});

describe("a table", () => {
  const cell = fc.oneof(fc.string({ maxLength: 60 }), fc.string({ unit: "grapheme", maxLength: 60 }));
  const columnsOf = (count: number) =>
    fc.array(
      fc.record({
        heading: fc.constantFrom("NAME", "ID", "A HEADING"),
        least: fc.option(fc.integer({ min: 3, max: 20 }), { nil: undefined }),
        optional: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
        keepEnd: fc.boolean(),
      }),
      { minLength: count, maxLength: count },
    );
  const given = fc
    .integer({ min: 1, max: 9 })
    .chain((count) =>
      fc.tuple(columnsOf(count), fc.array(fc.array(cell, { minLength: count, maxLength: count }), { maxLength: 5 })),
    );

  test("is never wider than its terminal, and has a line for each row", () => {
    fc.assert(
      fc.property(given, fc.integer({ min: 45, max: 200 }), ([columns, rows], width) => {
        const text = table({ colour: false, columns: width }, columns, rows);
        expect(text.split("\n")).toHaveLength(rows.length + 2);
        expect(widest(text)).toBeLessThanOrEqual(width);
      }),
    );
  });

  test("cuts nothing where there is room", () => {
    const text = table(
      { colour: false, columns: 80 },
      ["NAME", { heading: "TEXT", least: 3 }],
      [["ann", "x".repeat(70)]],
    );
    expect(text).toBe(`NAME  TEXT\nann   ${"x".repeat(70)}\n`);
  });

  test("leaves a column out before it cuts an id", () => {
    const columns = [{ heading: "NAME", least: 4 }, "ID", { heading: "BRANCH", least: 6, optional: 1 }];
    const row = ["a-long-name", "0123456789", "a-long-branch"];
    expect(table({ colour: false, columns: 20 }, columns, [row])).toBe("NAME      ID\na-long-…  0123456789\n");
  });
});

test("names that differ at their ends stay different where they are cut", () => {
  const columns = [{ heading: "NAME", least: 8, keepBoth: true }, "ID"];
  const rows = ["payments-service-review-1", "payments-service-review-2"].map((name) => [name, "0123456789"]);
  const cut = table({ colour: false, columns: 22 }, columns, rows).split("\n").slice(1, 3);
  expect(cut).toEqual(["payme…ew-1  0123456789", "payme…ew-2  0123456789"]);
  const any = fc.string({ unit: fc.constantFrom("a", "-", "語", "é", "🙂"), maxLength: 40 });
  fc.assert(
    fc.property(any, fc.integer({ min: 1, max: 30 }), (name, width) => {
      expect(measure(shortenMiddle(name, width)).width).toBeLessThanOrEqual(Math.max(width, 1));
      if (measure(name).width <= width) expect(shortenMiddle(name, width)).toBe(name);
    }),
  );
});

test("a long line breaks at words, and a word that is longer than the terminal stays whole", () => {
  const screen = { columns: 20, isTerminal: true };
  expect(wrap(screen, "one two three four five six")).toBe("one two three four\n  five six");
  expect(wrap(screen, `see ${"x".repeat(30)} now`)).toBe(`see\n  ${"x".repeat(30)}\n  now`);
  expect(wrap(screen, "    one two three four five")).toBe("    one two three\n      four five");
  expect(wrap({ ...screen, isTerminal: false }, "one two three four five six")).toBe("one two three four five six");
});
