/** Waiting for a delivery, and what the operator does with mail that is held or ended unread. */
import { beforeAll, describe, expect, test } from "vitest";
import { shortMessageId } from "../../src/rules/address.ts";
import { ok } from "../support/api.ts";
import { failure, success, wrongUsage } from "../support/cct.ts";
import { newPeer, type TestPeer } from "../support/peers.ts";
import { until } from "../support/wait.ts";
import { personWithBroker } from "./person.ts";

let me: Awaited<ReturnType<typeof personWithBroker>>;
let ann: TestPeer;
let ben: TestPeer;

beforeAll(async () => {
  me = await personWithBroker();
  ann = await newPeer(me.broker, "ann");
  ben = await newPeer(me.broker, "ben");
});

/** Ben takes what waits, and says what became of it. */
async function take(outcome: "delivered" | "read"): Promise<void> {
  const { messages } = await ok(me.broker, "claim_messages", { limit: 100, budget: 7000 }, ben);
  const acks = messages.map(({ message_id, attempt }) => ({ message_id, attempt, outcome }));
  if (acks.length > 0) await ok(me.broker, "ack_messages", { acks, via: "tool", batch: String(Math.random()) }, ben);
}

describe("cct send --wait", () => {
  test("waits until the message is read, and says so", async () => {
    const waiting = me.cct("send", "ben", "read me", "--wait", "read", "--timeout", "5m");
    await until("ben has read it", async () => {
      await take("read");
      const { messages } = await ok(me.broker, "messages", { peer: "ben", limit: 1 });
      return messages[0]?.recipients[0]?.state === "read";
    });
    const said = success(await waiting);
    expect(said).toMatch(/queued for ben/);
    expect(said).toMatch(/ben +read/);
  });

  test("fails at the timeout, and the message stays queued", async () => {
    const run = await me.cct("send", "ben", "who cares", "--wait", "delivered", "--timeout", "1");
    expect(run.code).toBe(124);
    expect(run.stderr).toMatch(/^cct: Not delivered within 1 s: ben \(queued\)\. .*cct message \S+\n$/);
    const { messages } = await ok(me.broker, "messages", { peer: "ben", limit: 1 });
    expect(messages[0]).toMatchObject({ text: "who cares", recipients: [{ state: "queued" }] });
    await take("read");
  });

  test("fails at once if the message will not be delivered", async () => {
    const said = failure(
      await me.cct("send", "ben", "too late", "--expires-in-seconds", "1", "--wait", "read", "--timeout", "5m"),
    );
    expect(said).toMatch(/^Not read: ben \(expired\)/);
  });

  test("says that the message is stored when the broker ends meanwhile", async () => {
    const other = await personWithBroker();
    await newPeer(other.broker, "ben");
    const waiting = other.cct("send", "ben", "still there?", "--wait", "read", "--timeout", "5m");
    await until("the message is stored", async () => (await ok(other.broker, "messages", {})).messages.length === 1);
    await other.broker.stop();
    const run = await waiting;
    expect(run).toMatchObject({ code: 1, stdout: expect.stringContaining("queued for ben") });
    expect(run.stderr).toMatch(/^cct: The message is stored, .*Do not send it again; .*cct message /);
  });

  test("with another value is wrong usage", async () => {
    expect((await me.cct("send", "ben", "x", "--wait", "forever")).code).toBe(2);
    expect((await me.cct("send", "ben", "x", "--wait", "read", "--timeout", "soon")).code).toBe(2);
  });
});

test("mail that ended unread is listed, noted for the operator, and can be sent again", async () => {
  const { messages } = JSON.parse(success(await me.cct("messages", "--dead", "--json")));
  expect(messages).toMatchObject([{ text: "too late", recipients: [{ state: "expired" }] }]);
  const id = messages[0].message_id;
  expect(success(await me.cct("notes"))).toContain(`cct resend ${id}`);
  expect(success(await me.cct("resend", id))).toMatch(/ben +queued/);
  failure(await me.cct("resend", id));
  expect(success(await me.cct("messages", "--dead"))).toBe("No messages.\n");
  await take("read");
});

test("held mail is listed and released, and a policy is shown and changed", async () => {
  expect(success(await me.cct("held"))).toBe("No mail is held.\n");
  expect(success(await me.cct("policy", "hold", "--peer", "ben", "--from", "ann"))).toMatch(/hold +ann\n/);
  const { message_id } = await ok(me.broker, "send_message", { to: "ben", text: "let me in" }, ann);
  expect(success(await me.cct("held"))).toMatch(
    new RegExp(`ann +ben +(?:just now|\\d+ (?:s|min) ago) +${shortMessageId(message_id)} +let me in`),
  );
  expect(success(await me.cct("unhold", message_id))).toBe("Released to 1 mailbox.\n");
  expect(failure(await me.cct("unhold", message_id))).toContain("cct held");
  expect(success(await me.cct("policy", "--peer", "ben"))).toMatch(/accept +all the rest/);
  expect((await me.cct("policy", "sometimes", "--peer", "ben")).code).toBe(2);
  expect(wrongUsage(await me.cct("policy"))).toContain("--peer");
});

test("cost shows what mail has cost, in text and in JSON", async () => {
  const { peers } = JSON.parse(success(await me.cct("cost", "--json")));
  expect(peers).toMatchObject([{ name: "ben", wakes: 0, messages: 3 }]);
  expect(success(await me.cct("cost", "--hours", "1"))).toMatch(/ben +0 +\d+ +3 +\d+/);
  expect((await me.cct("cost", "--hours", "never")).code).toBe(2);
});
