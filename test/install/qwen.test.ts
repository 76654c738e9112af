/** The extension in Qwen Code: what install writes, and that uninstall leaves no trace of it. */
import { existsSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test as inTurn } from "vitest";
import { qwenInstall } from "../../src/host/qwen.ts";
import { success } from "../support/cct.ts";
import { root } from "../support/folders.ts";
import { json, newPlace, type Place } from "./place.ts";

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

async function findings(place: Place): Promise<string[]> {
  const { stdout } = await place.cct("doctor", "--json");
  const all: { check: string; verdict: string; found: string }[] = JSON.parse(stdout).findings;
  return all.filter(({ check }) => check === "Qwen Code").map(({ verdict, found }) => `${verdict}: ${found}`);
}

test("install writes a folder of our own, and uninstall restores what was there", async () => {
  const place = withQwen();
  const before = place.everything();
  expect(success(await place.cct("install", "--host", "qwen", "--dry-run"))).toContain(`would create ${folder(place)}/`);
  expect(place.everything()).toEqual(before);
  expect(success(await place.cct("install", "--host", "qwen"))).toContain("installed in Qwen Code (3 files)");
  const ours = Object.keys(place.everything()).filter((path) => !Object.hasOwn(before, path));
  expect(ours.sort()).toEqual(
    ["", "/cct", "/cct/hooks", "/cct/hooks/hooks.json", "/cct/hooks/mail.sh", "/cct/qwen-extension.json"].map(
      (path) => `.qwen/extensions${path}`,
    ),
  );
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
    expect((await place.cctProcess("up")).stdout).toContain("CCT in Qwen Code: up to date");
  } finally {
    await place.cctProcess("kill");
  }
});
