import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Answer, call, ok, send } from "../support/api.ts";
import { refusedStart, spawnBroker } from "../support/broker.ts";
import { onPostgres } from "../support/database.ts";
import { notRun } from "../support/not-run.ts";
import { newPeer } from "../support/peers.ts";

const BODY = "the-very-words-of-the-message";

test("tokens, secrets and message texts appear in no log and no error", async () => {
  const broker = await spawnBroker();
  const [a, b] = [await newPeer(broker, "a"), await newPeer(broker, "b")];
  const secrets = [broker.token, a.secret, b.secret, BODY];

  const { message_id } = await ok(broker, "send_message", { to: "b", text: BODY }, a);
  await ok(broker, "check_messages", {}, b);
  // Every kind of refusal, each with input that must not be repeated.
  const refusals: Promise<Answer>[] = [
    call(broker, "send_message", { to: "b", text: `${BODY}\0` }, a),
    call(broker, "send_message", { to: "b", text: BODY, message_id: message_id.replace(/.$/, "\n") }, a),
    call(broker, "send_message", { to: "b", text: `${BODY} other`, message_id }, a),
    call(broker, "send_message", { to: "nobody", text: BODY }, a),
    call(broker, "send_message", { to: "b", text: BODY, colour: BODY }, a),
    call(broker, "send_message", { to: "b", text: [BODY] }, a),
    call(broker, "send_message", { to: "b", text: BODY.repeat(5000) }, a),
    call(broker, "send_message", { to: "b", text: BODY }, { ...a, secret: b.secret }),
    call(broker, "register", { ...a.place, host_pid: 1, held: [] }, a),
    call(broker, "set_summary", { summary: "x", name: "b" }, a),
    send(broker, { path: "/api/send_message", body: `{"to":"b","text":"${BODY}`, as: a }),
    send(broker, { path: "/api/send_message", body: `"${BODY}"`, as: a }),
    send(broker, { path: "/api/send_message", body: BODY, headers: { "content-type": "text/plain" }, as: a }),
    send(broker, { path: "/api/send_message", body: "{}", as: a, headers: { authorization: `Basic ${broker.token}` } }),
    send(broker, { path: "/api/send_message", body: "{}", as: a, headers: { origin: "https://evil.example" } }),
    send(broker, { method: "GET", path: "/events", as: { ...a, secret: b.secret } }),
    send(broker, { method: "GET", path: "/nowhere", as: a }),
  ];
  for (const answer of await Promise.all(refusals)) {
    expect(answer.status).toBeGreaterThanOrEqual(400);
    for (const secret of secrets) expect(answer.text).not.toContain(secret);
  }

  await refusedStart({ home: broker.home });
  await broker.stop("SIGTERM");
  const said = [broker.process.stdout(), broker.process.stderr()];
  const logs = readdirSync(join(broker.home, "log")).map((name) =>
    readFileSync(join(broker.home, "log", name), "utf8"),
  );
  expect(logs.join("")).toContain("broker started");
  for (const text of [...said, ...logs]) for (const secret of secrets) expect(text).not.toContain(secret);
});

const COMMAND_LINE = "the token stands in no command line, nor in the broker's environment";

test.skipIf(process.platform !== "linux" && notRun(COMMAND_LINE, "needs Linux"))(COMMAND_LINE, async () => {
  const broker = await spawnBroker();
  const peer = await newPeer(broker, "a");
  for (const file of ["cmdline", "environ"]) {
    const text = readFileSync(`/proc/${broker.pid}/${file}`, "utf8");
    expect(text).toContain(file === "cmdline" ? "start" : broker.home);
    for (const secret of [broker.token, peer.secret]) expect(text).not.toContain(secret);
  }
});

test.skipIf(onPostgres)("the database contains only hashes of peers' secrets", async () => {
  const broker = await spawnBroker();
  const peer = await newPeer(broker, "a");
  await broker.stop("SIGTERM");
  const files = readdirSync(broker.home).filter((name) => name.startsWith("cct.db"));
  const content = files.map((name) => readFileSync(join(broker.home, name), "latin1")).join("");
  expect(content).toContain(peer.peer_id);
  expect(content).not.toContain(peer.secret);
});
