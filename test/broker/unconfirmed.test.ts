/** What a sender hears, and what is stored, when the disk fails at the moment of a COMMIT. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { call, ok, refusal } from "../support/api.ts";
import { type BrokerProcess, endBrokerOf, spawnBroker } from "../support/broker.ts";
import { cct, failure, success } from "../support/cct.ts";
import { onPostgres } from "../support/database.ts";
import { startHost } from "../support/host.ts";
import { notRun } from "../support/not-run.ts";
import { allTexts, newMessageId, newPeer } from "../support/peers.ts";
import { canInject, inject } from "../support/strace.ts";
import { swept } from "../support/sweep.ts";
import { until } from "../support/wait.ts";

const EIO = "fsync,fdatasync:error=EIO";
const ENDS = "a send whose COMMIT fails on the disk is not confirmed, the broker ends, and repeating it sends it once";
const AGAIN = "a session's send goes through once although the disk fails at its COMMIT";
const KILLED =
  "a message that was called 'not stored' after a failed COMMIT does not come back when the broker is killed";
const COMMAND = "`cct send` that is not confirmed names the message id under which it can be repeated";

/** From now on no COMMIT reaches the disk. What the broker stores by itself after its start is done before: it would be the first. */
async function failFromNow(broker: BrokerProcess): Promise<void> {
  await swept(broker);
  await inject(broker.pid, EIO);
}

const cannot = (name: string): boolean =>
  onPostgres || (!canInject() && notRun(name, "strace, which makes a system call fail, is not installed"));

test.skipIf(cannot(ENDS))(ENDS, async () => {
  const broker = await spawnBroker();
  const { home } = broker;
  await newPeer(broker, "b");
  await ok(broker, "send_message", { to: "b", text: "before" });
  const messages = ["alone", "one of two", "two of two"].map((text) => ({
    to: "b",
    text,
    message_id: newMessageId(),
  }));

  await failFromNow(broker);
  const answers = await Promise.allSettled(messages.map((message) => call(broker, "send_message", message)));
  // A connection may also break: the broker ends.
  const refusals = answers.flatMap((one) => (one.status === "fulfilled" ? [refusal(one.value)] : []));
  for (const one of refusals) expect(one).toMatchObject({ status: 503, code: "unavailable" });
  // Those of the failed COMMIT; what comes later is certainly not stored.
  expect(refusals[0]?.message).toContain("it is unknown whether this request was stored");
  expect(await broker.process.exited).toEqual({ code: 1, signal: null });
  expect(broker.process.stderr()).toContain("could not be written to disk at COMMIT");
  expect(readFileSync(join(home, "log/broker.log"), "utf8")).toContain("the store failed: the broker ends");
  // As after a crash: its sessions start it again.
  expect(existsSync(join(home, "broker.json"))).toBe(true);

  const next = await spawnBroker({ home });
  for (const message of messages) await ok(next, "send_message", message);
  expect((await allTexts(next)).sort()).toEqual(["alone", "before", "one of two", "two of two"]);
});

test.skipIf(cannot(KILLED))(KILLED, async () => {
  const broker = await spawnBroker();
  await newPeer(broker, "b");
  await failFromNow(broker);
  const answer = await call(broker, "send_message", { to: "b", text: "perhaps" });
  await broker.stop("SIGKILL");
  const next = await spawnBroker({ home: broker.home });
  const isThere = (await allTexts(next)).includes("perhaps");
  if (isThere) expect(refusal(answer).message).not.toContain("Nothing of this request was stored");
  expect(refusal(answer).message).toContain("unknown");
});

test.skipIf(cannot(AGAIN))(AGAIN, async () => {
  const broker = await spawnBroker();
  const { home } = broker;
  endBrokerOf(home);
  const ann = await startHost(home, "ann");
  await ann.ready();
  await newPeer(broker, "b");
  await failFromNow(broker);
  const sent = await ann.tool("cct_send_message", { to: "b", text: "once" });
  expect(sent.isError, sent.text).toBe(false);
  expect(await broker.process.exited).toEqual({ code: 1, signal: null });
  const note = await until("another broker", () => {
    const found: { pid: number; url: string } = JSON.parse(readFileSync(join(home, "broker.json"), "utf8"));
    return found.pid !== broker.pid && found;
  });
  expect(await allTexts({ ...broker, ...note })).toEqual(["once"]);
});

test.skipIf(cannot(COMMAND))(COMMAND, async () => {
  const broker = await spawnBroker();
  await newPeer(broker, "b");
  await failFromNow(broker);
  const env = { PATH: process.env.PATH, HOME: join(broker.home, ".."), CCT_HOME: broker.home };
  const said = failure(await cct(["send", "b", "hello"], { env }));
  expect(said).toContain("not confirmed, perhaps it was sent");
  const [, id = ""] = /--message-id (\S+):/.exec(said) ?? [];
  const next = await spawnBroker({ home: broker.home });
  success(await cct(["send", "b", "hello", "--message-id", id], { env }));
  expect(await allTexts(next)).toEqual(["hello"]);
});
