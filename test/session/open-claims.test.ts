/** Mail that comes with the hint: which requests that saves, and what a broken connection does to it. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ok } from "../support/api.ts";
import { startBroker } from "../support/broker.ts";
import { tempHome } from "../support/folders.ts";
import { startHost } from "../support/host.ts";
import { startProxy } from "../support/proxy.ts";
import { until } from "../support/wait.ts";

const DELIVERIES = 4;

const count = (text: string, part: string): number => text.split(part).length - 1;

/** A session and the link to its broker. */
async function connected() {
  const broker = await startBroker();
  const link = await startProxy(broker.url);
  const home = tempHome();
  mkdirSync(home, { mode: 0o700 });
  writeFileSync(join(home, "token"), broker.token, { mode: 0o600 });
  const ann = await startHost(home, "ann", { env: { CCT_BROKER: link.url, ...link.env } });
  await ann.ready();
  await ann.hook("UserPromptSubmit");
  const claims = (): number => count(link.heard(), "POST /api/claim_messages");
  const openClaims = (): number => count(link.heard(), '"open":true');
  /** Answers to claims, whichever way they came. */
  const answers = (): number => count(link.said(), '"too_long":');
  /** Waits until a claim is open, after `came` others were answered over the stream. */
  const open = (came: number): Promise<unknown> =>
    until("a claim is open", () => openClaims() > came && answers() === claims() + came);
  /** The line in which the text came. */
  const came = (text: string) =>
    link
      .said()
      .split("\n")
      .find((line) => line.includes(text));
  return { broker, link, ann, came, open };
}

test("mail lies in the spool of an idle session before it asks for it", async () => {
  const { broker, ann, came, open } = await connected();
  for (let i = 0; i < DELIVERIES; i++) {
    await open(i);
    const text = `note ${i}`;
    const { message_id } = await ok(broker, "send_message", { to: "ann", text });
    await until("it lies there", async () => (await ann.mail()).includes(text));
    // Its claim was open: it came as an event of the stream, not as the answer to a request.
    expect(came(text)).toMatch(/^data: \{"stream":/);
    await ann.given("PreToolUse", { tool_name: "Bash" });
    await ann.hook("Stop");
    await until("it is read", async () => {
      const { recipients } = await ok(broker, "message_status", { message_id });
      return recipients[0]?.state === "read";
    });
  }
});

test("mail that a dead connection took comes unmarked over the next one", async () => {
  const { broker, link, ann, open } = await connected();
  await open(0);
  link.blackHole();
  const { message_id } = await ok(broker, "send_message", { to: "ann", text: "into the void" });
  const status = async () => (await ok(broker, "message_status", { message_id })).recipients[0];
  await until("it was claimed for the stream", async () => (await status())?.state === "claimed");
  link.cut();
  link.back();
  await until("it lies in the spool", async () => (await ann.mail()).includes("into the void"));
  expect(await status()).toMatchObject({ state: "claimed", attempts: 2, redelivered: false });
});
