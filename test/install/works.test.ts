/** The installation works: the session server starts and hooks deliver mail, whatever the paths are. */
import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, expect, test as inTurn } from "vitest";
import { beside, denied, deniedWith, input, mailFile, runCommand, said, silence, TEXT } from "../hooks/hook.ts";
import { success } from "../support/cct.ts";
import { atEnd } from "../support/cleanup.ts";
import { root, tempFolder } from "../support/folders.ts";
import { until } from "../support/wait.ts";
import { CLASSIC_VERSION, json, newPlace, OLD_VERSION, PLUGIN_VERSION, type Place } from "./place.ts";

// Each test has a home of its own, so that they may run side by side.
const test = inTurn.concurrent;

const PATHS = ["plain", "with blanks in it", `quotes ' and "`, "dollar $HOME and ${x} & more"];

/** The package as it is installed, somewhere else. */
function packageAt(folder: string): string {
  mkdirSync(folder, { recursive: true });
  for (const part of ["dist", "plugin", "migrations", "package.json"])
    cpSync(join(root, part), join(folder, part), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  return folder;
}

interface Server {
  command: string;
  args: string[];
}

/** Starts a session server as the host would, shakes hands, and lists its tools. */
async function tools(server: Server, env: Place["env"]): Promise<string[]> {
  const child = spawn(server.command, server.args, { env, stdio: ["pipe", "pipe", "ignore"] });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  atEnd(() => void (child.exitCode === null && child.kill("SIGKILL")));
  const ask = conversation(child);
  const clientInfo = { name: "test", version: "1" };
  const hello = await ask("initialize", { protocolVersion: "2025-06-18", capabilities: {}, clientInfo });
  expect(hello).toMatchObject({ serverInfo: { name: "cct" } });
  const list = await ask("tools/list", {});
  // With the broker: this one registers before it answers.
  await until("it is registered", async () => {
    const peers = await ask("tools/call", { name: "cct_list_peers", arguments: {} });
    // A slow machine may take longer to start a broker than a call waits.
    if (peers.isError) return false;
    expect(peers).toMatchObject({ content: [{ text: expect.stringMatching(/^you: /) }] });
    return true;
  });
  child.stdin.end();
  await exited;
  return (list.tools as { name: string }[]).map((tool) => tool.name);
}

function conversation(child: ChildProcess): (method: string, params: object) => Promise<Record<string, unknown>> {
  const answers = new Map<number, Record<string, unknown>>();
  if (!child.stdout) throw new Error("no standard output");
  createInterface({ input: child.stdout }).on("line", (line) => {
    const answer: { id?: number; result?: Record<string, unknown> } = JSON.parse(line);
    if (answer.id !== undefined) answers.set(answer.id, answer.result ?? {});
  });
  let id = 0;
  return (method, params) => {
    const mine = ++id;
    child.stdin?.write(`${JSON.stringify({ jsonrpc: "2.0", id: mine, method, params })}\n`);
    return until(`an answer to ${method}`, () => answers.get(mine));
  };
}

describe("the session server", () => {
  test.each(PATHS)("starts from the installed entry: package and homes %s", async (name) => {
    const base = join(tempFolder(), name);
    const home = join(base, "user");
    const place = newPlace({ home, cctHome: join(base, "cct home"), package: packageAt(join(base, "package")) });
    atEnd(() => place.cct("kill"));
    place.version(PLUGIN_VERSION);
    success(await place.cct("install"));
    const { mcpServers } = json(join(place.plugin, ".mcp.json")) as { mcpServers: { cct: Server } };
    expect(await tools(mcpServers.cct, place.env)).toContain("cct_send_message");

    place.version(CLASSIC_VERSION);
    success(await place.cct("install"));
    const { mcpServers: classic } = json(place.state) as { mcpServers: { cct: Server } };
    expect(classic.cct).toMatchObject(mcpServers.cct);
  });
});

interface Entry {
  matcher?: string;
  hooks: { command: string }[];
}

/** The hooks of the settings, run by `sh` as the host does. */
function classicHooks(place: Place) {
  const { hooks } = json(place.settings) as { hooks: Record<string, Entry[]> };
  const spool = join(place.cctHome, "spool", "4242");
  mkdirSync(spool, { recursive: true });
  const run = (event: "PreToolUse" | "Stop" | "FileChanged" | "UserPromptSubmit" | "SessionStart" | "SessionEnd") => {
    const entry = hooks[event]?.find((one) => one.matcher === undefined);
    // What installing found on PATH is not what the host has there.
    const env = { ...place.env, PATH: process.env.PATH, CLAUDE_PID: "4242" };
    return runCommand(["sh", "-c", entry?.hooks[0]?.command ?? "exit 99"], env, JSON.stringify(input(event)));
  };
  const put = (mail?: Parameters<typeof mailFile>[0]) => writeFileSync(join(spool, "mail"), mailFile(mail));
  return { run, put, spool, events: Object.keys(hooks) };
}

describe("hooks in the settings", () => {
  test.each(PATHS)("deliver mail: homes %s", async (name) => {
    const base = join(tempFolder(), name);
    const place = newPlace({ home: join(base, "user"), cctHome: join(base, "cct home") });
    place.version(CLASSIC_VERSION);
    success(await place.cct("install"));
    const { run, put, spool } = classicHooks(place);
    expect(said(await run("SessionStart"))).toMatchObject({
      hookSpecificOutput: { watchPaths: [join(spool, "mail")] },
    });
    put();
    expect(await run("FileChanged")).toEqual({ status: 2, signal: null, stdout: "", stderr: `${TEXT}\n` });
    put();
    expect(said(await run("UserPromptSubmit"))).toEqual(beside("UserPromptSubmit"));
    put();
    expect(said(await run("PreToolUse"))).toEqual(beside("PreToolUse"));
    put({ urgency: "interrupt" });
    expect(said(await run("PreToolUse"))).toEqual(denied());
    put();
    expect(said(await run("Stop"))).toEqual({ decision: "block", reason: TEXT });
  });

  test("deny a tool call with any mail if the host drops injected context", async () => {
    const place = newPlace();
    place.version(OLD_VERSION);
    success(await place.cct("install"));
    const { run, put } = classicHooks(place);
    put();
    expect(said(await run("PreToolUse"))).toEqual(deniedWith());
    expect(await run("PreToolUse")).toEqual(silence);
  });

  test("find a host that sets no CLAUDE_PID: it is their parent process", async () => {
    const place = newPlace();
    place.version(OLD_VERSION);
    success(await place.cct("install"));
    const { hooks } = json(place.settings) as { hooks: Record<string, Entry[]> };
    const spool = join(place.cctHome, "spool", String(process.pid));
    mkdirSync(spool, { recursive: true });
    writeFileSync(join(spool, "mail"), mailFile());
    const command = hooks.PreToolUse?.[0]?.hooks[0]?.command ?? "";
    const env = { ...place.env, PATH: process.env.PATH };
    expect(said(await runCommand(["sh", "-c", command], env, JSON.stringify(input("PreToolUse"))))).toEqual(
      deniedWith(),
    );
  });

  test("print nothing, deny nothing and wake no session if their script is missing", async () => {
    for (const version of [CLASSIC_VERSION, OLD_VERSION]) {
      const place = newPlace();
      place.version(version);
      success(await place.cct("install"));
      const { run, put, events } = classicHooks(place);
      rmSync(join(place.cctHome, "hooks"), { recursive: true });
      put({ urgency: "interrupt" });
      for (const event of events) expect(await run(event as Parameters<typeof run>[0])).toEqual(silence);
    }
  });

  test("allow CCT's own tools", async () => {
    const place = newPlace();
    place.version(CLASSIC_VERSION);
    success(await place.cct("install"));
    const { hooks } = json(place.settings) as { hooks: Record<string, Entry[]> };
    const command = hooks.PreToolUse?.find((entry) => entry.matcher === "mcp__cct__.*")?.hooks[0]?.command ?? "";
    const run = await runCommand(["sh", "-c", command], { PATH: process.env.PATH }, "{}");
    expect(run).toMatchObject({ status: 0, stderr: "" });
    expect(JSON.parse(run.stdout)).toMatchObject({
      hookSpecificOutput: { hookEventName: "PreToolUse", permissionDecision: "allow" },
    });
  });
});

describe("uninstalling during a session", () => {
  test("leaves the plugin's empty folder and says why; the next uninstall removes it", async () => {
    const place = newPlace();
    place.version(PLUGIN_VERSION);
    success(await place.cct("install"));
    // A session's folder, as a session server keeps it: it belongs to a process that lives.
    const spool = join(place.cctHome, "spool", String(process.pid));
    mkdirSync(spool, { recursive: true });
    writeFileSync(join(spool, "server"), `${process.pid} 0\n`);
    expect(success(await place.cct("uninstall"))).toMatch(/1 running session still uses/);
    expect(readdirSync(place.plugin)).toEqual([]);
    rmSync(spool, { recursive: true });
    success(await place.cct("uninstall"));
    expect(existsSync(place.plugin)).toBe(false);
  });

  test("keeps mail and settings in CCT's home", async () => {
    const place = newPlace();
    place.version(PLUGIN_VERSION);
    success(await place.cct("install"));
    success(await place.cct("config", "set", "delivery", "block"));
    place.write(join(place.cctHome, "cct.db"), "mail");
    success(await place.cct("uninstall"));
    expect(readFileSync(join(place.cctHome, "cct.db"), "utf8")).toBe("mail");
    expect(json(join(place.cctHome, "config.json"))).toEqual({ delivery: "block" });
  });
});
