/** The extension in Qwen Code: what install writes, and that uninstall leaves no trace of it. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test as inTurn } from "vitest";
import { qwenInstall } from "../../src/host/qwen.ts";
import { success } from "../support/cct.ts";
import { root } from "../support/folders.ts";
import { notRun } from "../support/not-run.ts";
import { json, newPlace, PLUGIN_VERSION, type Place } from "./place.ts";

// Each test has a home of its own, so that they may run side by side.
const test = inTurn.concurrent;

const folder = ({ home }: Place): string => join(home, ".qwen/extensions/cct");

/** A person who has used Qwen Code. */
function withQwen(version?: string): Place {
  const place = newPlace();
  place.write(join(place.home, ".qwen/settings.json"), '{ "tools": {} }\n');
  if (version !== undefined) {
    const lib = join(place.home, "lib/qwen-code");
    place.write(join(lib, "package.json"), JSON.stringify({ name: "@qwen-code/qwen-code", version }));
    place.write(join(lib, "cli-entry.js"), "");
    symlinkSync(join(lib, "cli-entry.js"), join(place.bin, "qwen"));
  }
  return place;
}

const settings = ({ home }: Place): string => join(home, ".qwen/settings.json");

async function findings(place: Place): Promise<string[]> {
  const { stdout } = await place.cct("doctor", "--json");
  const all: { check: string; verdict: string; found: string }[] = JSON.parse(stdout).findings;
  return all.filter(({ check }) => check === "Qwen Code").map(({ verdict, found }) => `${verdict}: ${found}`);
}

test("install writes a folder of our own, and uninstall restores what was there", async () => {
  const place = withQwen();
  const before = place.everything();
  expect(success(await place.cct("install", "--host", "qwen", "--dry-run"))).toContain(
    `would create ${folder(place)}/`,
  );
  expect(place.everything()).toEqual(before);
  expect(success(await place.cct("install", "--host", "qwen"))).toContain("installed in Qwen Code (6 files)");
  const ours = Object.keys(place.everything()).filter((path) => !Object.hasOwn(before, path));
  const files = ["cct-install.json", "hooks", "hooks/hooks.json", "hooks/mail.sh", "qwen-extension.json", "statusline"];
  expect(ours.sort()).toEqual([
    ".qwen/extensions",
    ".qwen/extensions/cct",
    ...[...files, "statusline/line.sh"].map((path) => `.qwen/extensions/cct/${path}`),
  ]);
  expect(json(settings(place))).toMatchObject({ ui: { statusLine: { type: "command" } } });
  expect(json(join(folder(place), "qwen-extension.json"))).toMatchObject({
    name: "cct",
    mcpServers: { cct: { command: process.execPath, args: [join(root, "dist/bin.js"), "mcp", "--host", "qwen"] } },
  });
  expect(success(await place.cct("install", "--host", "qwen"))).toContain("nothing changed");
  expect(success(await place.cct("uninstall", "--host", "qwen"))).toContain("removed from Qwen Code");
  expect(place.everything()).toEqual(before);
  expect(success(await place.cct("uninstall", "--host", "qwen"))).toContain("nothing changed");
});

test("a folder of that name that is not ours is left alone, and so is a link", async () => {
  const place = withQwen();
  place.write(join(folder(place), "qwen-extension.json"), '{ "name": "theirs" }');
  const before = place.everything();
  expect((await place.cct("install", "--host", "qwen")).stderr).toContain("is not CCT's extension");
  expect(success(await place.cct("uninstall", "--host", "qwen"))).toContain("nothing changed");
  expect(place.everything()).toEqual(before);

  const other = withQwen();
  other.write(join(other.home, "elsewhere/file"), "");
  other.write(join(other.home, ".qwen/extensions/theirs/file"), "");
  symlinkSync(join(other.home, "elsewhere"), folder(other));
  expect((await other.cct("install", "--host", "qwen")).stderr).toContain("is a symbolic link");
});

test("a status line of the user's own is shown as well, and settings that changed keep the change", async () => {
  const place = withQwen();
  const theirs = { type: "command", command: "echo mine" };
  place.write(settings(place), JSON.stringify({ ui: { theme: "x", statusLine: theirs } }, null, 2));
  await place.cct("install", "--host", "qwen");
  const now = json(settings(place)) as { ui: { statusLine: { command: string } } };
  expect(now.ui.statusLine.command).toContain("echo mine");
  place.write(settings(place), JSON.stringify({ ...now, $version: 4 }, null, 2));
  await place.cct("uninstall", "--host", "qwen");
  expect(json(settings(place))).toEqual({ ui: { theme: "x", statusLine: theirs }, $version: 4 });

  const other = withQwen();
  await other.cct("install", "--host", "qwen");
  other.write(settings(other), JSON.stringify({ ...json(settings(other)), $version: 4 }, null, 2));
  await other.cct("uninstall", "--host", "qwen");
  expect(json(settings(other))).toEqual({ tools: {}, $version: 4 });
});

test.each([
  ["that are no JSON", "{ // mine\n}\n"],
  ["with a preset", '{ "ui": { "statusLine": { "type": "preset", "items": [] } } }\n'],
])("settings %s are left alone", async (_what, text) => {
  const place = withQwen();
  place.write(settings(place), text);
  expect(success(await place.cct("install", "--host", "qwen"))).toContain("(5 files)");
  expect(readFileSync(settings(place), "utf8")).toBe(text);
  await place.cct("uninstall", "--host", "qwen");
  expect(readFileSync(settings(place), "utf8")).toBe(text);
});

test("no status line where none is wanted, also after an update", async () => {
  const place = withQwen();
  const before = readFileSync(settings(place), "utf8");
  await place.cct("install", "--host", "qwen");
  await place.cct("install", "--host", "qwen", "--no-statusline");
  expect(readFileSync(settings(place), "utf8")).toBe(before);
  expect(await findings(place)).toEqual([`ok: of an unknown version. CCT lies in ${folder(place)}`]);
});

test("an install that was interrupted is finished by the next one, and what is out of date is renewed", async () => {
  const place = withQwen();
  await place.cct("install", "--host", "qwen");
  const whole = place.everything();
  place.write(join(folder(place), "hooks/mail.sh"), "# of an earlier version\n");
  place.write(join(folder(place), "left.txt"), "");
  expect(await findings(place)).toEqual(["warning: CCT in it is not up to date. Fix it with: cct up"]);
  await place.cct("install", "--host", "qwen");
  expect(place.everything()).toEqual(whole);
});

test("doctor knows the version, and says when it was not tried", async () => {
  const newest = qwenInstall.tried.at(-1) ?? "";
  const [known, newer, older] = [withQwen(newest), withQwen("99.0.0"), withQwen("0.1.0")];
  for (const place of [known, newer, older]) await place.cct("install", "--host", "qwen");
  expect(await findings(known)).toEqual([`ok: ${newest}, tried. CCT lies in ${folder(known)}`]);
  expect(await findings(newer)).toEqual([
    `ok: 99.0.0, not tried: it is treated like ${newest}. CCT lies in ${folder(newer)}`,
  ]);
  expect((await findings(older))[0]).toContain("warning: 0.1.0 is older than");
  expect(await findings(withQwen(newest))).toEqual([]);
});

test("cct up says that it is there, and installs nothing without being asked", async () => {
  const place = withQwen("0.24.4");
  try {
    expect((await place.cctProcess("up")).stdout).toContain("cct install --host qwen");
    expect(existsSync(folder(place))).toBe(false);
    await place.cct("install", "--host", "qwen");
    const said = (await place.cctProcess("up")).stdout;
    expect(said).toContain("CCT in Qwen Code: up to date");
    expect(said.replaceAll(/\s+/g, " ")).toContain("Qwen Code in two terminals");
  } finally {
    await place.cctProcess("kill");
  }
});

const canScript = spawnSync("script", ["-qec", "true", "/dev/null"]).status === 0;

inTurn.skipIf(!canScript && notRun("cct up asks once", "`script`, which gives a command a terminal, is not installed"))(
  "at a terminal, cct up asks once whether to install into it",
  async () => {
    const [willing, unwilling] = [withQwen("0.24.4"), withQwen("0.24.4")];
    const up = (place: Place, answer: string): string => {
      place.version(PLUGIN_VERSION);
      const command = `'${process.execPath}' '${join(root, "dist/bin.js")}' up`;
      const env = { ...place.env, PATH: `${place.bin}:/usr/bin:/bin`, TERM: "dumb" };
      return spawnSync("script", ["-qec", command, "/dev/null"], { env, input: answer, encoding: "utf8" }).stdout;
    };
    try {
      expect(up(willing, "y\n")).toContain("Install CCT into it?");
      expect(existsSync(folder(willing))).toBe(true);
      expect(up(unwilling, "\n")).toContain("Install CCT into it?");
      expect(up(unwilling, "y\n")).not.toContain("Install CCT into it?");
      expect(existsSync(folder(unwilling))).toBe(false);
    } finally {
      for (const place of [willing, unwilling]) await place.cctProcess("kill");
    }
  },
);
