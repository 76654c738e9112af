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
/** Answers to open claims, which come as events; those with mail have a number. */
const events = (text: string): string[] =>
  text.split("\n").filter((line) => /^data: \{"stream":.*"too_long":/.test(line));

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
  /** Waits until the last claim is open, made after all mail that came over the stream. Returns how many there were. */
  const open = (): Promise<number> =>
    until("a claim is open", () => {
      const [heard, said] = [link.heard(), link.said()];
      const came = events(said).filter((line) => line.includes('"message_id":')).length;
      const last = heard.slice(heard.lastIndexOf("POST /api/claim_messages"));
      const isAnswered = count(said, '"too_long":') - events(said).length === claims();
      return isAnswered && last.includes(`"received":${came},"open":true`) && claims();
    });
  /** The line in which the text came. */
  const came = (text: string) =>
    link
      .said()
      .split("\n")
      .find((line) => line.includes(text));
  return { broker, link, ann, came, open, claims };
}

test("mail lies in the spool of an idle session before it asks for it", async () => {
  const { broker, ann, came, open, claims } = await connected();
  let early = 0;
  for (let i = 0; early < DELIVERIES; i++) {
    // The session may claim once more in just that moment, and gets the mail by that: then the next one tells.
    expect(i).toBeLessThan(5 * DELIVERIES);
    const before = await open();
    const text = `note ${i}`;
    const { message_id } = await ok(broker, "send_message", { to: "ann", text });
    await until("it lies there", async () => (await ann.mail()).includes(text));
    // Its claim was open: it came as an event of the stream, not as the answer to a request.
    if (/^data: \{"stream":/.test(came(text) ?? "")) early++;
    else expect(claims()).toBeGreaterThan(before);
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
  await open();
  link.blackHole();
  const { message_id } = await ok(broker, "send_message", { to: "ann", text: "into the void" });
  const status = async () => (await ok(broker, "message_status", { message_id })).recipients[0];
  await until("it was claimed for the stream", async () => (await status())?.state === "claimed");
  link.cut();
  link.back();
  await until("it lies in the spool", async () => (await ann.mail()).includes("into the void"));
  expect(await status()).toMatchObject({ state: "claimed", attempts: 2, redelivered: false });
});
