/** The description of the HTTP API: valid, served, and good enough to generate a client from that works. */
import { execFileSync } from "node:child_process";
import { readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Validator } from "@seriousme/openapi-schema-validator";
import { build } from "esbuild";
import { beforeAll, expect, test } from "vitest";
import { operations } from "../../src/operations/index.ts";
import { httpStatus } from "../../src/platform/errors.ts";
import { ok, refusal, send } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { root, tempFolder } from "../support/folders.ts";
import { newPeer } from "../support/peers.ts";
import { run } from "../support/process.ts";

let broker: TestBroker;
beforeAll(async () => {
  broker = await startBroker();
});

const path = join(root, "docs/openapi.json");
const written = JSON.parse(readFileSync(path, "utf8"));

test("the document is valid OpenAPI 3.1", async () => {
  const validator = new Validator();
  expect(await validator.validate(written)).toEqual({ valid: true });
  expect(validator.version).toBe("3.1");
});

test("a broker serves it to holders of a token", async () => {
  const answer = await send(broker, { method: "GET", path: "/openapi.json" });
  expect([answer.status, answer.headers["content-type"]]).toEqual([200, "application/json"]);
  expect(answer.json).toEqual(written);
  const stranger = await send(broker, { method: "GET", path: "/openapi.json", headers: { authorization: undefined } });
  expect(refusal(stranger).code).toBe("unauthorized");
});

test("it has every path, and for each operation a short summary, credentials and errors", () => {
  const broad = ["/health", "/ready", "/prove", "/status", "/metrics", "/backup", "/events", "/feed", "/openapi.json"];
  expect(Object.keys(written.paths).sort()).toEqual([...operations.map((op) => `/api/${op.name}`), ...broad].sort());
  for (const op of operations) {
    const { post } = written.paths[`/api/${op.name}`];
    expect(post.operationId).toBe(op.name);
    expect(post.summary.length, post.summary).toBeLessThanOrEqual(80);
    expect(post.security.length, op.name).toBeGreaterThan(0);
    const codes = Object.keys(post.responses).flatMap((status) => codesOf(post.responses[status]));
    for (const code of ["bad_request", "unauthorized", "forbidden", "rate_limited", ...(op.errors ?? [])])
      expect(codes, op.name).toContain(code);
  }
});

test("it lists each error under the status that the broker answers with", () => {
  for (const op of operations) {
    const { responses } = written.paths[`/api/${op.name}`].post;
    for (const [status, response] of Object.entries(responses))
      for (const code of codesOf(response)) expect([code, httpStatus[code]]).toEqual([code, Number(status)]);
  }
});

/** The error codes of a response, which refers to a shared one. */
function codesOf(response: unknown): (keyof typeof httpStatus)[] {
  const { $ref } = Object(response);
  if ($ref === undefined) return [];
  const shared = written.components.responses[$ref.replace("#/components/responses/", "")];
  return shared.content["application/json"].schema.properties.error.properties.code.enum;
}

/** Somebody else's program, in types and at run time: the compiler and a broker judge it. */
const program = `
import * as cct from "./client.ts";
const env = (name: string): string => process.env[name] ?? "";
cct.defaults.baseUrl = env("URL");
cct.defaults.headers = { authorization: "Bearer " + env("TOKEN") };
const me = await cct.register({ host: "elsewhere", host_pid: 1, cwd: "/", held: [], name: "stranger" });
if (me.status !== 200) throw new Error(me.data.error.code);
const { peer_id, secret = "" } = me.data;
const as = { headers: { ...cct.defaults.headers, "X-CCT-Peer": peer_id, "X-CCT-Secret": secret } };
const sent = await cct.sendMessage({ to: "ann", text: "from a generated client", urgency: "low" }, as);
if (sent.status !== 200) throw new Error(sent.data.error.message);
const state: string | undefined = sent.data.recipients[0]?.state;
const missing = await cct.sendMessage({ to: "nobody", text: "x" }, as);
const code = missing.status === 404 ? missing.data.error.code : undefined;
const { data } = await cct.health();
console.log(JSON.stringify([sent.data.message_id, state, code, data]));
`;

test("a client that a generator made from it sends a message", async () => {
  const ann = await newPeer(broker, "ann");
  const folder = tempFolder();
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  const node = (...args: string[]) => execFileSync(process.execPath, args, { cwd: folder, encoding: "utf8" });
  node(join(root, "node_modules/oazapfts/dist/cli.js"), path, "client.ts");
  writeFileSync(join(folder, "program.ts"), program);
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
  const options = "--strict --noEmit --skipLibCheck --target es2023 --module nodenext --allowImportingTsExtensions";
  node(join(root, "node_modules/typescript/bin/tsc"), ...options.split(" "), "--types", "node", "program.ts");
  await build({
    absWorkingDir: folder,
    entryPoints: ["program.ts"],
    outfile: join(folder, "program.mjs"),
    bundle: true,
    platform: "node",
    format: "esm",
  });

  const ran = run(process.execPath, ["program.mjs"], { cwd: folder, env: { URL: broker.url, TOKEN: broker.token } });
  expect([await ran.exited, ran.stderr()]).toEqual([{ code: 0, signal: null }, ""]);
  const [message_id, state, code, health] = JSON.parse(ran.stdout());
  expect([state, code]).toEqual(["queued", "not_found"]);
  expect(health).toMatchObject({ ok: true });
  const { messages } = await ok(broker, "claim_messages", { limit: 10, budget: 9000 }, ann);
  expect(messages).toMatchObject([
    { message_id, text: "from a generated client", from_name: "stranger", urgency: "low" },
  ]);
});
