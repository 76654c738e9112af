/** The plugin in OpenCode: what install writes, and that uninstall leaves no trace of it. */
import { existsSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test as inTurn } from "vitest";
import { opencodeInstall } from "../../src/host/opencode.ts";
import { success } from "../support/cct.ts";
import { root } from "../support/folders.ts";
import { newPlace, type Place } from "./place.ts";

// Each test has a home of its own, so that they may run side by side.
const test = inTurn.concurrent;

const file = ({ home }: Place): string => join(home, ".config/opencode/plugin/cct.js");
const newest = opencodeInstall.tried.at(-1) ?? "";

/** A person who has used OpenCode. */
function withOpencode(version?: string): Place {
  const place = newPlace();
  place.write(join(place.home, ".config/opencode/opencode.json"), "{ // mine\n}\n");
  if (version !== undefined) {
    const lib = join(place.home, "lib/opencode-ai");
    place.write(join(lib, "package.json"), JSON.stringify({ name: "opencode-ai", version }));
    place.write(join(lib, "bin/opencode.exe"), "");
    symlinkSync(join(lib, "bin/opencode.exe"), join(place.bin, "opencode"));
  }
  return place;
}

async function findings(place: Place): Promise<string[]> {
  const { stdout } = await place.cct("doctor", "--json");
  const all: { check: string; verdict: string; found: string }[] = JSON.parse(stdout).findings;
  return all.filter(({ check }) => check === "OpenCode").map(({ verdict, found }) => `${verdict}: ${found}`);
}

test("install writes one file, and uninstall restores what was there", async () => {
  for (const used of [true, false]) {
    const place = used ? withOpencode() : newPlace();
    const before = place.everything();
    expect(success(await place.cct("install", "--host", "opencode", "--dry-run"))).toContain("would create");
    expect(place.everything()).toEqual(before);
    expect(success(await place.cct("install", "--host", "opencode"))).toContain("installed in OpenCode (1 file)");
    expect(readFileSync(file(place), "utf8")).toContain(pathToFileURL(join(root, "dist/opencode.mjs")).href);
    expect(success(await place.cct("install", "--host", "opencode"))).toContain("nothing changed");
    expect(success(await place.cct("uninstall", "--host", "opencode"))).toContain("removed from OpenCode");
    expect(place.everything()).toEqual(before);
    expect(success(await place.cct("uninstall", "--host", "opencode"))).toContain("nothing changed");
  }
});

test("a file of that name that is not ours is left alone, and so is a link", async () => {
  const place = withOpencode();
  place.write(file(place), "export const Theirs = 1;\n");
  const before = place.everything();
  expect((await place.cct("install", "--host", "opencode")).stderr).toContain("is not CCT's");
  expect(success(await place.cct("uninstall", "--host", "opencode"))).toContain("nothing changed");
  expect(place.everything()).toEqual(before);

  const other = withOpencode();
  other.write(join(other.home, "elsewhere.js"), "");
  other.write(join(other.home, ".config/opencode/plugin/theirs.js"), "");
  symlinkSync(join(other.home, "elsewhere.js"), file(other));
  expect((await other.cct("install", "--host", "opencode")).stderr).toContain("is a symbolic link");
});

test("doctor knows the version, says when it was not tried, and what is out of date", async () => {
  const [known, newer, older] = [withOpencode(newest), withOpencode("99.0.0"), withOpencode("0.1.0")];
  for (const place of [known, newer, older]) await place.cct("install", "--host", "opencode");
  expect(await findings(known)).toEqual([`ok: ${newest}, tried. CCT lies in ${file(known)}`]);
  expect(await findings(newer)).toEqual([
    `ok: 99.0.0, not tried: it is treated like ${newest}. CCT lies in ${file(newer)}`,
  ]);
  expect((await findings(older))[0]).toContain("warning: 0.1.0 is older than");
  expect(await findings(withOpencode(newest))).toEqual([]);
  known.write(file(known), `${readFileSync(file(known), "utf8")}// of an earlier version\n`);
  expect(await findings(known)).toEqual(["warning: CCT in it is not up to date. Fix it with: cct up"]);
});

test("a program that is no package: OpenCode's own folder tells the version", async () => {
  const place = withOpencode();
  place.write(join(place.bin, "opencode"), "");
  const api = join(place.home, ".config/opencode/node_modules/@opencode-ai/plugin/package.json");
  place.write(api, JSON.stringify({ name: "@opencode-ai/plugin", version: newest }));
  await place.cct("install", "--host", "opencode");
  expect(await findings(place)).toEqual([`ok: ${newest}, tried. CCT lies in ${file(place)}`]);
});

test("cct up says that it is there, and installs nothing without being asked", async () => {
  const place = withOpencode(newest);
  try {
    expect((await place.cctProcess("up")).stdout).toContain("cct install --host opencode");
    expect(existsSync(file(place))).toBe(false);
    await place.cct("install", "--host", "opencode");
    expect((await place.cctProcess("up")).stdout).toContain("CCT in OpenCode: up to date");
  } finally {
    await place.cctProcess("kill");
  }
});
