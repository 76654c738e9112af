/** CCT in Copilot CLI: what install writes, and that uninstall leaves no trace of it. */
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test as inTurn } from "vitest";
import { copilotInstall } from "../../src/host/copilot.ts";
import { success } from "../support/cct.ts";
import { root } from "../support/folders.ts";
import { json, newPlace, type Place } from "./place.ts";

// Each test has a home of its own, so that they may run side by side.
const test = inTurn.concurrent;

const inHome = ({ home }: Place, path: string): string => join(home, ".copilot", path);

/** A person who has used Copilot CLI. */
function withCopilot(files: Record<string, string> = {}, version?: string): Place {
  const place = newPlace();
  for (const [path, content] of Object.entries({ "config.json": "{}\n", ...files }))
    place.write(inHome(place, path), content);
  if (version !== undefined) {
    const lib = join(place.home, "lib/copilot");
    place.write(join(lib, "package.json"), JSON.stringify({ name: "@github/copilot", version }));
    place.write(join(lib, "npm-loader.js"), "");
    symlinkSync(join(lib, "npm-loader.js"), join(place.bin, "copilot"));
  }
  return place;
}

async function findings(place: Place): Promise<string[]> {
  const { stdout } = await place.cct("doctor", "--json");
  const all: { check: string; verdict: string; found: string }[] = JSON.parse(stdout).findings;
  return all.filter(({ check }) => check === "Copilot CLI").map(({ verdict, found }) => `${verdict}: ${found}`);
}

const SERVERS =
  '{\n    "mcpServers": {\n        "theirs": { "type": "local", "command": "x", "args": [], "tools": ["*"] }\n    }\n}';
const SETTINGS = '{"experimental":true,"statusLine":{"type":"command","command":"~/bin/line"}}';

const before: Record<string, Record<string, string>> = {
  "no files": {},
  "files of their own": { "mcp-config.json": SERVERS, "settings.json": SETTINGS, "hooks/theirs.json": "{}" },
  "empty files": { "mcp-config.json": "{}", "settings.json": "{}\n" },
};

for (const [what, files] of Object.entries(before)) {
  test(`install adds to ${what}, and uninstall restores them to the byte`, async () => {
    const place = withCopilot(files);
    const all = place.everything();
    expect(success(await place.cct("install", "--host", "copilot", "--dry-run"))).toContain("would create");
    expect(place.everything()).toEqual(all);
    expect(success(await place.cct("install", "--host", "copilot"))).toContain("installed in Copilot CLI");
    expect(json(inHome(place, "mcp-config.json"))).toMatchObject({
      mcpServers: { cct: { command: process.execPath, args: [join(root, "dist/bin.js"), "mcp", "--host", "copilot"] } },
    });
    expect(Object.keys((json(inHome(place, "hooks/cct.json")) as { hooks: object }).hooks)).toContain("PostToolUse");
    expect(success(await place.cct("install", "--host", "copilot"))).toContain("nothing changed");
    expect(success(await place.cct("uninstall", "--host", "copilot"))).toContain("removed from Copilot CLI");
    expect(place.everything()).toEqual(all);
    expect(success(await place.cct("uninstall", "--host", "copilot"))).toContain("nothing changed");
  });
}

test("files that changed since the install keep the change", async () => {
  const place = withCopilot({ "mcp-config.json": SERVERS });
  success(await place.cct("install", "--host", "copilot"));
  const servers = json(inHome(place, "mcp-config.json")) as { mcpServers: object };
  const more = { command: "y", args: [] };
  place.write(
    inHome(place, "mcp-config.json"),
    JSON.stringify({ mcpServers: { ...servers.mcpServers, more } }, null, 2),
  );
  place.write(
    inHome(place, "settings.json"),
    JSON.stringify({ theme: "dark", ...json(inHome(place, "settings.json")) }),
  );
  success(await place.cct("uninstall", "--host", "copilot"));
  expect(json(inHome(place, "mcp-config.json"))).toEqual({ mcpServers: { ...JSON.parse(SERVERS).mcpServers, more } });
  expect(json(inHome(place, "settings.json"))).toEqual({ theme: "dark" });
});

test("what is not ours is left alone: a folder, a file of hooks, a server of that name, a broken file", async () => {
  for (const [path, content, words] of [
    ["extensions/cct/extension.mjs", "theirs", "is not CCT's"],
    ["hooks/cct.json", "{}", "is not CCT's"],
    ["mcp-config.json", '{"mcpServers":{"cct":{"command":"theirs"}}}', "that is not CCT's"],
    ["mcp-config.json", "{ broken", "mcp-config.json"],
  ] as const) {
    const place = withCopilot({ [path]: content });
    const all = place.everything();
    expect((await place.cct("install", "--host", "copilot")).stderr).toContain(words);
    expect(place.everything()).toEqual(all);
  }
});

test("without a status line if the user wants none", async () => {
  const place = withCopilot({ "settings.json": SETTINGS });
  success(await place.cct("install", "--host", "copilot", "--no-statusline"));
  expect(json(inHome(place, "settings.json"))).toEqual(JSON.parse(SETTINGS));
});

test("doctor says which version there is, and what it makes of a newer and an older one", async () => {
  const [tried] = copilotInstall.tried;
  for (const [version, words] of [
    [tried, `ok: ${tried}, tried`],
    ["99.0.0", `ok: 99.0.0, not tried: it is treated like ${tried}`],
    ["0.9.0", `warning: 0.9.0 is older than ${tried}`],
  ] as const) {
    const place = withCopilot({}, version);
    success(await place.cct("install", "--host", "copilot"));
    expect((await findings(place)).join()).toContain(words);
  }
});
