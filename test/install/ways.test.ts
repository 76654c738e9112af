/** What install writes where, by the version of Claude Code. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test as inTurn } from "vitest";
import { success } from "../support/cct.ts";
import { root } from "../support/folders.ts";
import {
  CLASSIC_VERSION,
  json,
  newPlace,
  OLD_VERSION,
  PLUGIN_VERSION,
  type Place,
  WAYS,
  withoutLine,
} from "./place.ts";

// Each test has a home of its own, so that they may run side by side.
const test = inTurn.concurrent;

const files = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();

const server = { command: process.execPath, args: [join(root, "dist/bin.js"), "mcp", "--host", "claude"] };

function expectPlugin(place: Place): void {
  const source = join(root, "plugin");
  expect(files(place.plugin)).toEqual(files(source));
  for (const name of files(source)) {
    const text = readFileSync(join(place.plugin, name), "utf8");
    if (name === ".mcp.json") expect(JSON.parse(text)).toEqual({ mcpServers: { cct: server } });
    else if (name.endsWith("plugin.json")) expect(JSON.parse(text)).toMatchObject({ name: "cct" });
    else if (name === "bin/cct") expect(text).toContain(`\nprogram='${join(root, "dist/bin.js")}'\n`);
    else expect(text).toBe(readFileSync(join(source, name), "utf8"));
    if (name.endsWith(".json")) JSON.parse(text);
    expect(statSync(join(place.plugin, name)).mode & 0o077).toBe(0);
  }
  expect(json(join(place.plugin, ".claude-plugin/plugin.json")).version).toBe(json(join(root, "package.json")).version);
  // Nothing else of the person's was made or touched, but for the status line.
  const outside = Object.keys(place.everything()).filter((path) => !path.startsWith(".claude/skills/cct"));
  expect(outside.sort()).toEqual([".claude", ".claude/settings.json", ".claude/skills"]);
  expect(withoutLine(json(place.settings))).toEqual({});
}

describe("the plugin", () => {
  test.each(["2.1.163", PLUGIN_VERSION, "2.2.0", "3.0.0", "10.0.1"])("is installed for %s", async (version) => {
    const place = newPlace();
    place.version(version);
    expect(success(await place.cct("install"))).toMatch(/installed/);
    expectPlugin(place);
  });

  test.each<[string, string | undefined, RegExp]>([
    ["is missing", undefined, /There is no 'claude' on your PATH/],
    ["fails", "echo 2.1.80; exit 3", /'claude --version' failed \(3\)/],
    ["prints nothing", ":", /'claude --version' prints no version/],
    ["prints something else", "echo hello", /'claude --version' prints no version/],
    ["cannot be executed", "exec /nowhere/claude", /'claude --version' failed \(12[67]\)/],
  ])("is installed if `claude` %s, and the answer says so", async (_, script, problem) => {
    const place = newPlace();
    place.claudeIs(script);
    const said = success(await place.cct("install"));
    expect(said).toMatch(problem);
    expect(said).toMatch(/npm install -g @anthropic-ai\/claude-code\), then run: cct up/);
    expectPlugin(place);
  });

  test("warns about a Claude Code that it cannot deliver mail to", async () => {
    const place = newPlace();
    place.version("1.0.5");
    const said = success(await place.cct("install"));
    expect(said).toMatch(/Claude Code 1\.0\.5 is too old: no mail reaches its sessions\. Update it/);
    expect(said).not.toContain("New sessions have it");
  });

  test("is installed into CLAUDE_CONFIG_DIR if that is set", async () => {
    const base = newPlace();
    const place = newPlace({ home: base.home, configDir: join(base.home, "else where", "conf") });
    place.version(PLUGIN_VERSION);
    success(await place.cct("install"));
    expect(existsSync(join(place.home, ".claude"))).toBe(false);
    expect(existsSync(join(place.plugin, "hooks/mail.sh"))).toBe(true);
    success(await place.cct("uninstall"));
    expect(place.everything()).toEqual({});
  });
});

interface Hook {
  matcher?: string;
  hooks: { type: string; command: string; args?: unknown; timeout: number; asyncRewake?: boolean }[];
}

function hooksOf(place: Place): Record<string, Hook[]> {
  const { hooks, statusLine, ...others } = json(place.settings);
  expect(others).toEqual({});
  expect(statusLine).toMatchObject({ type: "command", refreshInterval: 5 });
  return hooks as Record<string, Hook[]>;
}

describe("settings entries", () => {
  test.each([CLASSIC_VERSION, "2.1.112", "2.1.162"])("are installed for %s, with the wake hook", async (version) => {
    const place = newPlace();
    place.version(version);
    success(await place.cct("install"));
    const hooks = hooksOf(place);
    expect(Object.keys(hooks).sort()).toEqual(
      ["FileChanged", "PreToolUse", "SessionEnd", "SessionStart", "Stop", "UserPromptSubmit"].sort(),
    );
    expect(hooks.FileChanged?.[0]?.hooks[0]?.asyncRewake).toBe(true);
    const [tool, allow] = hooks.PreToolUse ?? [];
    expect(tool?.hooks[0]?.command).not.toContain("PreToolUse block");
    expect(allow?.matcher).toBe("mcp__cct__.*");
    expect(json(place.state)).toEqual({
      mcpServers: { cct: { type: "stdio", ...server, env: { CCT_HOOKS: "settings" } } },
    });
    expect(existsSync(place.plugin)).toBe(false);
    expect(Object.keys(place.everything()).sort()).toEqual([".claude", ".claude.json", ".claude/settings.json"]);
  });

  test.each([OLD_VERSION, "2.1.109", "2.0.71"])(
    "are installed for %s: mail denies a tool call, and no unknown event is named",
    async (version) => {
      const place = newPlace();
      place.version(version);
      success(await place.cct("install"));
      const hooks = hooksOf(place);
      expect(Object.keys(hooks).sort()).toEqual(
        ["PreToolUse", "SessionEnd", "SessionStart", "Stop", "UserPromptSubmit"].sort(),
      );
      expect(hooks.PreToolUse?.[0]?.hooks[0]?.command).toContain("PreToolUse block");
    },
  );

  test("have no `args`: these versions would ignore it, and bash would run its input as a script", async () => {
    const place = newPlace();
    place.version(CLASSIC_VERSION);
    success(await place.cct("install"));
    for (const hook of Object.values(hooksOf(place)).flatMap((entries) => entries.flatMap((entry) => entry.hooks))) {
      expect(hook).toMatchObject({ type: "command", command: expect.any(String), timeout: expect.any(Number) });
      expect(hook.args).toBe(undefined);
    }
  });

  test("go into CLAUDE_CONFIG_DIR if that is set, and are removed from it", async () => {
    const base = newPlace();
    const place = newPlace({ home: base.home, configDir: join(base.home, "conf") });
    place.version(CLASSIC_VERSION);
    success(await place.cct("install"));
    expect(Object.keys(place.everything()).sort()).toEqual(["conf", "conf/.claude.json", "conf/settings.json"]);
    success(await place.cct("uninstall"));
    expect(place.everything()).toEqual({});
  });
});

describe("hooks as calls of the session server (--hooks mcp_tool)", () => {
  const hooks = (place: Place): string => readFileSync(join(place.plugin, "hooks/hooks.json"), "utf8");

  test("use no bash, cover the same events, and call only CCT", async () => {
    const place = newPlace();
    place.version(PLUGIN_VERSION);
    success(await place.cct("install", "--hooks", "mcp_tool"));
    const names = Object.keys(JSON.parse(readFileSync(join(root, "plugin/hooks/hooks.json"), "utf8")).hooks);
    const found = (JSON.parse(hooks(place)) as { hooks: Record<string, { hooks: Record<string, unknown>[] }[]> }).hooks;
    expect(Object.keys(found).sort()).toEqual(names.sort());
    for (const [event, [entry]] of Object.entries(found)) {
      const hook = entry?.hooks[0];
      if (hook?.type === "mcp_tool")
        expect(hook).toMatchObject({ server: "plugin:cct:cct", tool: "hook", input: { event } });
      else expect(hook).toMatchObject({ command: server.command, args: [server.args[0], "hook", event] });
    }
    expect(hooks(place)).not.toContain("bash");
    expect(success(await place.cct("install", "--hooks", "mcp_tool"))).toMatch(/nothing changed/);
  });

  test("are kept by `up`, honour --ask, and are replaced by the next install without the option", async () => {
    const place = newPlace();
    place.version(PLUGIN_VERSION);
    success(await place.cct("install", "--hooks", "mcp_tool", "--ask"));
    const before = hooks(place);
    expect(before).not.toContain('"allow"');
    try {
      success(await place.cct("up"));
    } finally {
      success(await place.cct("kill"));
    }
    expect(hooks(place)).toBe(before);
    success(await place.cct("install", "--hooks", "mcp_tool"));
    expect(hooks(place)).toContain('"allow": "yes"');
    success(await place.cct("install"));
    expect(hooks(place)).toBe(readFileSync(join(root, "plugin/hooks/hooks.json"), "utf8"));
    success(await place.cct("uninstall"));
    expect(place.everything()).toEqual({});
  });

  test("cannot be of another kind", async () => {
    const place = newPlace();
    const { code, stderr } = await place.cct("install", "--hooks", "python");
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(/bash or mcp_tool/) });
  });
});

test.each(WAYS)(
  "--ask keeps Claude Code's permission prompts (%s), and a later install turns them off again",
  async (version) => {
    const place = newPlace();
    place.version(version);
    success(await place.cct("install", "--ask"));
    const allowing = () =>
      Object.values(place.everything()).filter((file) => /"?permissionDecision\\?"+:\s*\\?"+allow/.test(file)).length;
    expect(allowing()).toBe(0);
    expect(success(await place.cct("install"))).toMatch(/installed/);
    expect(allowing()).toBe(1);
    success(await place.cct("install", "--ask"));
    expect(allowing()).toBe(0);
  },
);

test.each(WAYS)("--dry-run only prints what would change (%s)", async (version) => {
  const place = newPlace();
  place.version(version);
  const before = place.everything();
  const said = success(await place.cct("install", "--dry-run"));
  expect(place.everything()).toEqual(before);
  expect(existsSync(place.cctHome)).toBe(false);
  success(await place.cct("install"));
  const made = Object.entries(place.everything()).filter(([, what]) => what.startsWith("file "));
  expect(made.length).toBeGreaterThan(1);
  for (const [path] of made) expect(said).toContain(`would create ${join(place.home, path)}\n`);
  expect(success(await place.cct("install", "--dry-run"))).toBe("Nothing would change.\n");

  const installed = place.everything();
  const undo = success(await place.cct("uninstall", "--dry-run"));
  for (const [path] of made) expect(undo).toContain(`would remove ${join(place.home, path)}\n`);
  expect(place.everything()).toEqual(installed);
});

test.each(WAYS)("uninstalling leaves no file and no folder of CCT (%s)", async (version) => {
  const place = newPlace();
  place.version(version);
  success(await place.cct("install"));
  expect(success(await place.cct("uninstall"))).toMatch(/removed from Claude Code/);
  expect(place.everything()).toEqual({});
  expect(existsSync(join(place.cctHome, "hooks"))).toBe(false);
  expect(existsSync(join(place.cctHome, "install.json"))).toBe(false);
  expect(success(await place.cct("uninstall"))).toMatch(/not installed; nothing changed/);
});
