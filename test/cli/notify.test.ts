/** `cct notify`: a test of each channel and how it went, what a restart tells again, and where secrets are not. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { wrongWith } from "../../src/cli/commands/notify.ts";
import { failureWords } from "../../src/cli/views/notify.ts";
import { ok } from "../support/api.ts";
import { startBroker } from "../support/broker.ts";
import { failure, success } from "../support/cct.ts";
import { newPeer } from "../support/peers.ts";
import { startReceiver } from "../support/receiver.ts";
import { swept } from "../support/sweep.ts";
import { until } from "../support/wait.ts";
import { personAt, personWithBroker } from "./person.ts";

const SECRET = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA==";

test("without a channel it says how to set one, and there is nothing to test", async () => {
  const me = await personWithBroker();
  expect(success(await me.cct("notify"))).toMatch(/no notifications are sent.*\n.*cct config set notify_ntfy/);
  expect(failure(await me.cct("notify", "test"))).toMatch(/no channel for notifications.*cct config set/);
});

test("a test goes through each channel; one that fails is named, with status 1; secrets are nowhere", async () => {
  const [hook, ntfy] = [await startReceiver("/hook-Zm9v"), await startReceiver("/topic-Zm9v")];
  const secrets = {
    CCT_NOTIFY_WEBHOOK: hook.url,
    CCT_NOTIFY_WEBHOOK_SECRET: SECRET,
    CCT_NOTIFY_NTFY: ntfy.url,
    CCT_NOTIFY_NTFY_TOKEN: "tk_secret",
  };
  const broker = await startBroker({ env: secrets });
  const me = personAt(join(broker.home, ".."), broker.home, { CCT_HOME: broker.home });
  const said: string[] = [success(await me.cct("notify", "test"))];
  expect(said[0]).toMatch(/^✓ ntfy \(127\.0\.0\.1:\d+\): arrived\n✓ webhook \(127\.0\.0\.1:\d+\): arrived\n$/);
  ntfy.status = 403;
  const failed = await me.cct("notify", "test");
  said.push(failed.stdout, failed.stderr);
  expect(failed).toMatchObject({ code: 1, stderr: "" });
  expect(failed.stdout).toMatch(
    /✗ ntfy \(127\.0\.0\.1:\d+\): it refused the sender \(HTTP 403\)\. Check the token.*\n✓ webhook/,
  );
  const one = await me.cct("notify", "test", "--channel", "webhook", "--json");
  expect(JSON.parse(success(one)).tests).toEqual([{ channel: "webhook", place: new URL(hook.url).host, ok: true }]);
  expect([hook.received.length, ntfy.received.length]).toEqual([3, 2]);
  for (const args of [["notify"], ["notify", "--json"]]) said.push(success(await me.cct(...args)));
  for (const args of [["config"], ["config", "show", "--json"]])
    said.push(success(await me.cctWith({ env: secrets }, ...args)));
  for (const name of readdirSync(join(broker.home, "log")))
    said.push(readFileSync(join(broker.home, "log", name), "utf8"));
  expect(said.join("\n")).not.toMatch(/Zm9v|tk_secret|c2VjcmV0/);
  expect(said.join("\n")).not.toContain("words of a stranger");
});

test("a test that takes long is not said to be untried", () => {
  const test = { channel: "ntfy", notification_id: "a", state: "waiting" } as const;
  expect(wrongWith({ ...test, attempts: 0 })).toContain("no broker has tried it yet");
  expect(wrongWith({ ...test, attempts: 1 })).toContain("it has not ended yet");
});

test.each([
  "ECONNREFUSED",
  "ENOTFOUND",
  "no answer within 10 s",
  "HTTP 404",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "HTTP 302",
])("%s is said in words, with what to do", (error) => {
  expect(failureWords(error, true)).toMatch(/^[a-z][A-Za-z ,]+ \(.+\)\. [A-Z].*: cct config show$/);
  expect(failureWords(error)).toMatch(/^[a-z][A-Za-z ,]+ \(.+\)$/);
});

test("a need is told once, also when the broker starts again", async () => {
  const hook = await startReceiver();
  const env = { CCT_NOTIFY_WEBHOOK: hook.url, CCT_NOTIFY_AFTER_SECONDS: "0" };
  const broker = await startBroker({ env });
  const ann = await newPeer(broker, "ann");
  await ok(broker, "heartbeat", { host_pid: ann.place.host_pid, held: [], presence: "blocked" }, ann);
  await until("it is told", () => hook.received.length > 0);
  await until("that is noted", async () => (await ok(broker, "notify_status", {})).channels[0]?.state === "idle");
  await broker.stop();
  const again = await startBroker({ home: broker.home, env });
  await ok(again, "heartbeat", { host_pid: ann.place.host_pid, held: [], presence: "blocked" }, ann);
  await swept(again);
  await swept(again);
  expect((await ok(again, "attention", {})).needs).toHaveLength(1);
  expect(hook.received.map(({ body }) => JSON.parse(body).sentence)).toEqual(["ann waits for your permission"]);
});

test("cct notify and cct doctor say that a receiver fails, and what with", async () => {
  const hook = await startReceiver();
  hook.status = 500;
  const broker = await startBroker({ env: { CCT_NOTIFY_WEBHOOK: hook.url, CCT_NOTIFY_AFTER_SECONDS: "0" } });
  const me = personAt(join(broker.home, ".."), broker.home, { CCT_HOME: broker.home });
  await ok(broker, "send_message", { to: "operator", text: "Which port?" }, await newPeer(broker, "ann"));
  const state = async () => (await ok(broker, "notify_status", {})).channels[0]?.state;
  await until("it has failed", async () => (await state()) === "trying");
  expect(success(await me.cct("notify"))).toMatch(/webhook .*trying .*HTTP 500 \(attempt \d\), again in .*not signed/);
  const { findings } = JSON.parse((await me.cct("doctor", "--json")).stdout);
  expect(findings).toContainEqual({
    check: "notifications webhook",
    verdict: "warning",
    found: expect.stringContaining("HTTP 500"),
  });
});

test("addresses and secrets that cannot be right are refused, without repeating them", async () => {
  const me = await personWithBroker();
  const wrong = async (name: string, value: string) => {
    const { code, stderr } = await me.cctWith({ stdin: value }, "config", "set", name, "-");
    expect(code).toBe(2);
    expect(stderr).not.toContain(value);
    return stderr;
  };
  expect(await wrong("notify_ntfy", "ftp://ntfy.sh/topic-Zm9v")).toContain("http:// or https:// URL");
  for (const bare of ["https://push.example.org", "https://push.example.org/", "https://push.example.org//?a=b"])
    expect(await wrong("notify_ntfy", bare)).toContain("needs a topic");
  expect(await wrong("notify_webhook", "https://ann:hunter2@studio/hook")).toContain("a user or a password");
  expect(await wrong("notify_webhook_secret", "hunter2")).toContain("openssl rand -base64 32");
  expect(await wrong("notify_quiet", "from ten to seven")).toContain("22:00-07:00");
});
