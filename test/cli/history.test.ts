/** `cct messages` with filters, and times as people write them. */
import { beforeAll, describe, expect, test } from "vitest";
import { startBroker } from "../support/broker.ts";
import { success, wrongUsage } from "../support/cct.ts";
import { newPeer } from "../support/peers.ts";
import { personWithBroker } from "./person.ts";

let me: Awaited<ReturnType<typeof personWithBroker>>;
const texts = async (...words: string[]): Promise<string[]> =>
  JSON.parse(success(await me.cct("messages", ...words, "--json"))).messages.map((one: { text: string }) => one.text);

beforeAll(async () => {
  me = await personWithBroker(startBroker);
  for (const name of ["ann", "ben"]) await newPeer(me.broker, name);
  for (const [to, text] of [
    ["ann", "the port is 5433"],
    ["ben", "nothing else"],
    ["ann", "PORTS are closed"],
  ])
    success(await me.cct("send", to ?? "", text ?? ""));
});

describe("cct messages", () => {
  test("takes filters, alone and together", async () => {
    expect(await texts("--with", "ben")).toEqual(["nothing else"]);
    expect(await texts("--grep", "port")).toEqual(["PORTS are closed", "the port is 5433"]);
    expect(await texts("--grep", "port", "--with", "ann", "--state", "queued", "--limit", "1")).toEqual([
      "PORTS are closed",
    ]);
    expect(await texts("--state", "read")).toEqual([]);
    expect(success(await me.cct("messages", "--state", "read"))).toBe("No messages.\n");
  });

  test.each(["1h", "2 days", "2026-01-01", "2026-01-01 10:00", "yesterday"])("takes %s for a time", async (since) => {
    expect(await texts("--since", since)).toHaveLength(3);
    expect(await texts("--before", since)).toEqual([]);
  });

  test("says which times it understands", async () => {
    expect(wrongUsage(await me.cct("messages", "--since", "tomorrow"))).toMatch(/It must be a time: 2h, 3d, 14:05/);
  });

  test("goes on from a message in both directions", async () => {
    const { messages } = JSON.parse(success(await me.cct("messages", "--json")));
    expect(await texts("--before", String(messages[1].seq))).toEqual(["the port is 5433"]);
    expect(await texts("--after", String(messages[2].seq))).toEqual(["nothing else", "PORTS are closed"]);
  });
});

describe("cct search", () => {
  test("shows where the words are", async () => {
    const said = success(await me.cct("search", "port"));
    expect(said.trimEnd().split("\n")).toHaveLength(2);
    expect(said).toMatch(/^FROM +TO +STATE +SENT +ID +TEXT\noperator +ann +queued .* the \[port\] is 5433\n$/);
    const { messages } = JSON.parse(success(await me.cct("search", "port*", "--with", "ann", "--json")));
    expect(messages.map((one: { snippet: string }) => one.snippet)).toEqual(["PORTS are closed", "the port is 5433"]);
  });

  test("says when there is nothing, and what is no query", async () => {
    expect(success(await me.cct("search", "elsewhere"))).toBe("Nothing was found.\n");
    expect(wrongUsage(await me.cct("search", "***"))).toMatch(/The query has no word/);
  });
});
