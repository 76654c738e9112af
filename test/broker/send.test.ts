import { beforeAll, describe, expect, test } from "vitest";
import { call, ok, refusal, refused, send } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { allMessages, allTexts, newMessageId, newPeer, type TestPeer } from "../support/peers.ts";
import { until } from "../support/wait.ts";

const LARGEST = 65_536;

let broker: TestBroker;
let alice: TestPeer;
let bob: TestPeer;
beforeAll(async () => {
  broker = await startBroker();
  alice = await newPeer(broker, "alice");
  bob = await newPeer(broker, "bob");
});

describe("a sent message", () => {
  test("is stored for its recipient unchanged, with its sender's name", async () => {
    const text = 'Grüße:\n\t"quoted" \\ 日本語 😀\r\n';
    const sent = await ok(broker, "send_message", { to: "bob", text, urgency: "interrupt" }, alice);
    expect(sent.recipients).toEqual([{ peer_id: bob.peer_id, name: "bob", state: "queued", note: expect.any(String) }]);
    const { messages } = await ok(broker, "check_messages", { limit: 100 }, bob);
    // Otherwise its lease would run out during another test.
    const acks = messages.map(({ message_id, attempt }) => ({ message_id, attempt, outcome: "read" as const }));
    await ok(broker, "ack_messages", { acks }, bob);
    expect(messages.find((one) => one.message_id === sent.message_id)).toEqual({
      message_id: sent.message_id,
      from: alice.peer_id,
      from_name: "alice",
      to: "bob",
      text,
      urgency: "interrupt",
      sent_at: expect.any(Number),
      thread_id: sent.message_id,
      redelivered: false,
      attempt: 1,
    });
  });

  test("by a person is marked as the operator's, which no other sender can do", async () => {
    const { message_id } = await ok(broker, "send_message", { to: "bob", text: "from a person" });
    const stored = (await allMessages(broker)).find((one) => one.message_id === message_id);
    expect(stored).toMatchObject({ from: "operator", from_name: "operator" });
    const forged = { to: "bob", text: "forged", from: "operator" };
    expect(await refused(broker, "send_message", forged, alice)).toMatchObject({ status: 400 });
  });

  test("may have null for every field that is left out, as clients of many languages write it", async () => {
    const input = { to: "bob", text: "with nulls", urgency: null, reply_to: null, thread_id: null, message_id: null };
    expect((await call(broker, "send_message", input, alice)).status).toBe(200);
    expect((await allTexts(broker)).at(-1)).toBe("with nulls");
    expect(await refused(broker, "send_message", { to: null, text: "x" }, alice)).toMatchObject({ status: 400 });
    // A field that does not exist is refused with any value.
    expect(await refused(broker, "send_message", { ...input, colour: null }, alice)).toMatchObject({ status: 400 });
  });

  test("is addressed by name, ignoring case, or by the prefix of an id", async () => {
    const ways = ["BOB", " bob ", bob.peer_id, bob.peer_id.slice(0, 8), bob.peer_id.slice(0, 8).toUpperCase()];
    // Numbered, because an id may consist of digits only, and a repeated text would be refused.
    for (const [i, to] of ways.entries()) {
      const { recipients } = await ok(broker, "send_message", { to, text: `${i} to ${to}` }, alice);
      expect(recipients[0]?.peer_id).toBe(bob.peer_id);
    }
  });

  test("reports the recipient's presence", async () => {
    const carol = await newPeer(broker, "carol");
    let count = 0;
    const note = async (urgency: "normal" | "low") =>
      (await ok(broker, "send_message", { to: "carol", text: `x${++count}`, urgency }, alice)).recipients[0]?.note;
    expect(await note("normal")).toContain("will be woken");
    expect(await note("low")).toContain("never wakes");
    await ok(broker, "heartbeat", { host_pid: carol.place.host_pid, presence: "active", held: [] }, carol);
    expect(await note("normal")).toContain("next tool call");
    await ok(broker, "unregister", { host_pid: carol.place.host_pid }, carol);
    expect(await note("normal")).toMatch(/^offline for \d+ s; kept until it is back$/);
  });

  test("as a reply joins the thread of the original message", async () => {
    const first = await ok(broker, "send_message", { to: "bob", text: "question", thread_id: "topic" }, alice);
    const reply = { to: "alice", text: "answer", reply_to: first.message_id };
    const { message_id } = await ok(broker, "send_message", reply, bob);
    const stored = (await allMessages(broker)).find((one) => one.message_id === message_id);
    expect(stored).toMatchObject({ reply_to: first.message_id, thread_id: "topic" });
    const nowhere = { ...reply, reply_to: "no-such-message" };
    expect(await refused(broker, "send_message", nowhere, bob)).toMatchObject({ status: 404 });
  });

  test("with an expiry is dropped if nobody has taken it by then, and its sender can see that", async () => {
    const away = await newPeer(broker, "away");
    const input = { to: "away", text: "soon stale", expires_in_seconds: 1 };
    const { message_id } = await ok(broker, "send_message", input, alice);
    await until("the message to expire", async () => {
      const { recipients } = await ok(broker, "message_status", { message_id }, alice);
      return recipients[0]?.state === "expired";
    });
    expect((await ok(broker, "check_messages", {}, away)).messages).toEqual([]);
  });
});

describe("a repeated send", () => {
  test("gets the first answer again, and arrives once", async () => {
    const input = { to: "bob", text: "once", message_id: newMessageId() };
    const first = await ok(broker, "send_message", input, alice);
    await ok(broker, "heartbeat", { host_pid: bob.place.host_pid, presence: "active", held: [] }, bob);
    expect(await ok(broker, "send_message", input, alice)).toEqual(first);
    expect((await allTexts(broker)).filter((text) => text === "once")).toHaveLength(1);
  });

  test("twenty times at once arrives once", async () => {
    const input = { to: "bob", text: "twenty at once", message_id: newMessageId() };
    const answers = await Promise.all(Array.from({ length: 20 }, () => ok(broker, "send_message", input, alice)));
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect((await allTexts(broker)).filter((text) => text === "twenty at once")).toHaveLength(1);
  });

  test("with another text, recipient or sender is refused, and changes nothing", async () => {
    const input = { to: "bob", text: "the first", message_id: newMessageId() };
    await ok(broker, "send_message", input, alice);
    const others: [object, TestPeer][] = [
      [{ ...input, text: "the second" }, alice],
      [{ ...input, to: "alice" }, alice],
      [input, bob],
    ];
    for (const [other, sender] of others) {
      expect(await refused(broker, "send_message", other, sender)).toMatchObject({ status: 409, code: "conflict" });
    }
    const stored = (await allMessages(broker)).filter((one) => one.message_id === input.message_id);
    expect(stored.map((one) => [one.text, one.recipients.length])).toEqual([["the first", 1]]);
  });
});

describe("an address that does not match exactly one peer", () => {
  test("unknown: is refused with a list of peers", async () => {
    const error = await refused(broker, "send_message", { to: "nobody", text: "x" }, alice);
    expect(error).toMatchObject({ status: 404, code: "not_found" });
    expect(error.hint).toContain("bob");
  });

  test("ambiguous: is refused with the candidates, and reaches neither", async () => {
    const crowded = await startBroker();
    // Ids are random: register peers until two share a prefix of four characters.
    const byPrefix = new Map<string, string[]>();
    let prefix: string | undefined;
    while (prefix === undefined) {
      const more = await Promise.all(Array.from({ length: 50 }, (_, i) => newPeer(crowded, `p${i}`)));
      for (const { peer_id } of more) {
        const key = peer_id.slice(0, 4);
        byPrefix.set(key, [...(byPrefix.get(key) ?? []), peer_id]);
      }
      prefix = [...byPrefix].find(([, ids]) => ids.length > 1)?.[0];
    }
    const error = await refused(crowded, "send_message", { to: prefix, text: "x" });
    expect(error).toMatchObject({ status: 409, code: "ambiguous" });
    for (const id of byPrefix.get(prefix) ?? []) expect(error.message).toContain(id.slice(0, 8));
    expect(await allMessages(crowded)).toEqual([]);
  });

  test("an id prefix of three characters: is too short", async () => {
    const error = await refused(broker, "send_message", { to: bob.peer_id.slice(0, 3), text: "x" }, alice);
    expect(error.status).toBe(404);
  });

  test("oneself: is refused", async () => {
    expect(await refused(broker, "send_message", { to: "alice", text: "me" }, alice)).toMatchObject({ status: 400 });
  });

  test.each(["@pool", "@pool/bob", "operator@nowhere"])("%s: is refused as unknown", async (to) => {
    expect(await refused(broker, "send_message", { to, text: "x" }, alice)).toMatchObject({ status: 404 });
  });

  test.each(["", " ", "a b", "@", "a/b", "x".repeat(201), "\ud800", "bob\0", "\u001b[31m"])(
    "%j: is refused",
    async (to) => {
      const error = await refused(broker, "send_message", { to, text: "x" }, alice);
      expect([400, 404]).toContain(error.status);
    },
  );
});

describe("a text", () => {
  test("of 64 KiB is accepted, one byte more is refused", async () => {
    for (const letter of ["x", "é", "😀"]) {
      const text = letter.repeat(LARGEST / Buffer.byteLength(letter));
      await ok(broker, "send_message", { to: "bob", text }, alice);
      const error = await refused(broker, "send_message", { to: "bob", text: `${text}x` }, alice);
      expect(error).toMatchObject({ status: 413, code: "too_large" });
      expect(error.message).toContain("65537");
    }
    expect((await allTexts(broker)).filter((text) => Buffer.byteLength(text) >= LARGEST)).toHaveLength(3);
  });

  test("of 64 KiB is accepted even if every character is escaped", async () => {
    const body = `{"to":"bob","text":"${"\\u0041".repeat(LARGEST)}"}`;
    const answer = await send(broker, { path: "/api/send_message", body, as: alice });
    expect(answer.status).toBe(200);
  });

  const bad: [string, string][] = [
    ["empty", ""],
    ["blank", " \n\t"],
    ["a NUL", "before\0after"],
    ["an escape sequence", "\u001b[2Jgone"],
    ["a C1 control", "\u009b31m"],
    ["a DEL", "\u007f"],
    ["half a character", "half \ud800"],
    ["the other half", "\udc00 half"],
  ];
  test.each(bad)("that is or contains %s is refused", async (_, text) => {
    const before = await allMessages(broker);
    expect(await refused(broker, "send_message", { to: "bob", text }, alice)).toMatchObject({ status: 400 });
    expect(await allMessages(broker)).toEqual(before);
  });

  test("with half a surrogate pair as a JSON escape is refused", async () => {
    const body = '{"to":"bob","text":"half \\ud800 escaped"}';
    const answer = await send(broker, { path: "/api/send_message", body, as: alice });
    expect(refusal(answer)).toMatchObject({ status: 400 });
  });

  test("that is not UTF-8 is refused", async () => {
    const body = Buffer.concat([
      Buffer.from('{"to":"bob","text":"'),
      Buffer.from([0xff, 0xfe, 0xc3]),
      Buffer.from('"}'),
    ]);
    const answer = await send(broker, { path: "/api/send_message", body, as: alice });
    expect(refusal(answer)).toMatchObject({ status: 400, message: expect.stringContaining("UTF-8") });
  });
});

describe("invalid input:", () => {
  const good = { to: "bob", text: "never stored" };
  const bad: [string, unknown][] = [
    ["nothing", {}],
    ["no text", { to: "bob" }],
    ["no recipient", { text: "never stored" }],
    ["a field that is not known", { ...good, colour: "red" }],
    ["a field of the prototype", JSON.parse('{"to":"bob","text":"never stored","__proto__":{"x":1}}')],
    ["a number for a text", { ...good, text: 7 }],
    ["a list of recipients", { ...good, to: ["bob", "alice"] }],
    ["null for a text", { ...good, text: null }],
    ["an urgency that is none", { ...good, urgency: "panic" }],
    ["an end in the past", { ...good, expires_in_seconds: -1 }],
    ["half a second", { ...good, expires_in_seconds: 0.5 }],
    ["an end without end", { ...good, expires_in_seconds: 1e300 }],
    ["a message_id that is too short", { ...good, message_id: "short" }],
    ["a message_id with a path", { ...good, message_id: "../../etc/passwd" }],
    ["a message_id that breaks lines", { ...good, message_id: "abcdefgh\nijkl" }],
    ["a thread_id with a control character", { ...good, thread_id: "a\u001bb" }],
    ["a list", [good]],
    ["a text", "hello"],
    ["a number", 5],
  ];
  test.each(bad)("%s is refused, and stores nothing", async (_, input) => {
    const error = refusal(await call(broker, "send_message", input, alice));
    expect(error).toMatchObject({ status: 400, code: "bad_request" });
    expect(error.message).not.toContain("never stored");
    expect(await allTexts(broker)).not.toContain("never stored");
  });
});
