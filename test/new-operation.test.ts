/** CONTRIBUTING's steps, followed in a copy of the program: an operation that is declared once is there on every face. */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { beforeAll, describe, expect, test } from "vitest";
import { send } from "./support/api.ts";
import { spawnBroker, type TestBroker } from "./support/broker.ts";
import { cct, success } from "./support/cct.ts";
import { atEnd } from "./support/cleanup.ts";
import { root, tempFolder } from "./support/folders.ts";

const folder = tempFolder();
const at = (path: string): string => join(folder, path);
const edit = (path: string, change: (text: string) => string): void =>
  writeFileSync(at(path), change(readFileSync(at(path), "utf8")));

const declaration = `
import * as z from "zod";
import { CctError } from "../platform/errors.ts";
import { operation } from "./core/operation.ts";

export const greet = operation({
  name: "greet",
  by: ["peer", "operator"],
  repeatable: "with greeting_id",
  errors: ["not_found"],
  cli: "greet <who>",
  example: "greet ann",
  tool: { title: "Greet", readOnly: true, adds: { mood: z.string().describe("how it is meant") } },
  doc: "Greets somebody. Only for tests.",
  input: z.strictObject({
    who: z.string().max(20).describe("whom to greet"),
    greeting_id: z.string().optional().describe("makes a repeated greeting harmless"),
  }),
  output: z.object({ greeting: z.string().describe("what was said") }),
  async run(_context, { who }) {
    if (who === "nobody") throw new CctError("not_found", "Nobody is there.", "Greet somebody else.");
    return { greeting: \`Hello, \${who}.\` };
  },
});
`;

/** Uses the new operation through the typed client; each wrong use must be an error. */
const typedUse = `
import type { Client } from "./client/client.ts";
export async function use(client: Client): Promise<string> {
  // @ts-expect-error no such field
  await client.call("greet", { whom: "ann" });
  // @ts-expect-error no such operation
  await client.call("greets", { who: "ann" });
  return (await client.call("greet", { who: "ann" })).greeting;
}
`;

/** What the compiler complains about, as \`file: what is missing or wrong\`. */
function complaints(): string {
  try {
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    // Several threads check much of it several times.
    const args = [tsc, "--noEmit", "--singleThreaded", "-p", folder];
    execFileSync(process.execPath, args, { encoding: "utf8", stdio: "pipe" });
    return "";
  } catch (error) {
    return String(Object(error).stdout);
  }
}

let broker: TestBroker;
let unfinished = "";
beforeAll(async () => {
  for (const part of ["src", "scripts", "migrations", "plugin", "package.json"])
    cpSync(join(root, part), at(part), { recursive: true });
  mkdirSync(at("docs"));
  symlinkSync(join(root, "node_modules"), at("node_modules"));
  const { compilerOptions, exclude } = JSON.parse(readFileSync(join(root, "tsconfig.json"), "utf8"));
  writeFileSync(at("tsconfig.json"), JSON.stringify({ compilerOptions, include: ["src"], exclude }));

  // Step 1: declare it, and add it to the list.
  writeFileSync(at("src/operations/greet.ts"), declaration);
  edit(
    "src/operations/index.ts",
    (text) =>
      `import { greet } from "./greet.ts";\n${text.replace("export const operations = [", "export const operations = [\n  greet,")}`,
  );
  writeFileSync(at("src/typed-use.ts"), typedUse);
  unfinished = complaints();
  // The compiler names what is missing: its view, what its tool adds, and what its tool says.
  edit("src/session/answers.ts", (text) =>
    text.replace(/const answers: .*\{\n/, (line) => `${line}  greet: ({ greeting, mood }) => [greeting, mood],\n`),
  );
  edit("src/cli/views/views.ts", (text) =>
    text.replace(/const views: .*\{\n/, (line) => `${line}  greet: ({ greeting }) => \`\${greeting}\\n\`,\n`),
  );
  edit("src/session/tool-calls.ts", (text) =>
    text.replace(
      /const special: .*\{\n/,
      (line) =>
        `${line}  async greet({ client, connection }, input) {
    return { mood: "friendly", ...(await client.callAny("greet", input, await connection.credentials(REGISTER_MS))) };
  },\n`,
    ),
  );
  // Step 4: \`npm run surface\`.
  execFileSync(process.execPath, [at("scripts/build.mjs"), "--surface"], { cwd: folder, stdio: "pipe" });
  broker = await spawnBroker({
    within: ([node = "", , ...rest]) => [node, [at("dist/bin.js"), ...rest]],
  });
});

test("the compiler asks for a view of the new command, for the lines of the new tool, and for the field that it adds", () => {
  expect(unfinished).toMatch(/views\/views\.ts.*greet/);
  expect(unfinished).toMatch(/tool-calls\.ts.*greet/);
  expect(unfinished).toMatch(/answers\.ts.*greet/);
  expect(unfinished).not.toContain("typed-use.ts");
});

test("the typed client takes it, and refuses a wrong field", () => {
  expect(complaints()).toBe("");
});

test("a view or a tool that reads a renamed field does not compile", () => {
  const path = "src/operations/greet.ts";
  edit(path, (text) => text.replaceAll("greeting: ", "salute: "));
  const wrong = complaints();
  edit(path, (text) => text.replaceAll("salute: ", "greeting: "));
  expect(wrong).toMatch(/views\/views\.ts.*greeting/);
});

test("the broker has its route", async () => {
  const answer = await send(broker, { path: "/api/greet", body: '{"who":"ann"}' });
  expect([answer.status, answer.json]).toEqual([200, { greeting: "Hello, ann." }]);
});

test("the command exists, with help, arguments and output", async () => {
  const env = { PATH: process.env.PATH, HOME: broker.home, CCT_HOME: broker.home };
  const run = async (...words: string[]) => success(await cct(words, { env, package: folder }));
  expect(await run("--help")).toMatch(/^ +greet +Greets somebody$/m);
  const help = await run("greet", "--help");
  expect(help).toContain("Greets somebody. Only for tests.");
  expect(help).toContain("whom to greet");
  expect(help).toContain("Example:\n  cct greet ann\n");
  expect(await run("greet", "ann")).toBe("Hello, ann.\n");
  expect(JSON.parse(await run("greet", "ann", "--json"))).toEqual({ greeting: "Hello, ann." });
});

test("the model is offered the tool, with its input, and what it adds to the answer", async () => {
  const client = new Client({ name: "test", version: "1" });
  await client.connect(
    new StdioClientTransport({
      command: "bash",
      args: ["-c", '"$@"; exit $?', "host", process.execPath, at("dist/bin.js"), "mcp"],
      env: { PATH: process.env.PATH ?? "", HOME: broker.home, CCT_HOME: broker.home, CCT_NAME: "ann" },
      cwd: folder,
    }),
  );
  atEnd(() => client.close());
  const tool = (await client.listTools()).tools.find(({ name }) => name === "cct_greet");
  expect(tool).toMatchObject({
    description: "Greets somebody. Only for tests.",
    inputSchema: { required: ["who"] },
    annotations: { title: "Greet", readOnlyHint: true, idempotentHint: true },
  });
  const call = { name: "cct_greet", arguments: { who: "ben" } };
  expect(await client.callTool(call)).toEqual({ content: [{ type: "text", text: "Hello, ben.\nfriendly" }] });
  const { structuredContent } = await client.callTool({ ...call, _meta: { "cct/structured": true } });
  expect(structuredContent).toEqual({ greeting: "Hello, ben.", mood: "friendly" });
});

describe("what is written has it", () => {
  const written = (path: string): string => readFileSync(at(path), "utf8");

  test("the snapshot of the surface, from which the client knows what it may repeat", () => {
    const entry = JSON.parse(written("src/operations/surface/surface.json")).find(
      (one: { name: string }) => one.name === "greet",
    );
    expect(entry).toMatchObject({ repeatable: "with greeting_id", errors: ["not_found"], cli: "greet <who>" });
  });

  test("the reference, and the page of errors", () => {
    expect(written("docs/reference.md")).toMatch(
      /## greet\n\nGreets somebody\..*\| `who` \| string \| whom to greet \|/s,
    );
    expect(written("docs/errors.md")).toContain("| [greet](reference.md#greet) | `not_found` |");
  });

  test("the OpenAPI document, which the broker serves", async () => {
    const { paths } = JSON.parse(written("docs/openapi.json"));
    expect(paths["/api/greet"].post).toMatchObject({
      operationId: "greet",
      summary: "Greets somebody",
      responses: { 404: { $ref: "#/components/responses/NotFound" } },
    });
    const { json } = await send(broker, { method: "GET", path: "/openapi.json" });
    expect(Object(json).paths["/api/greet"]).toEqual(paths["/api/greet"]);
  });
});
