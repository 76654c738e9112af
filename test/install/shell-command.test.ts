/** `cct` in the shell of a session: the host puts the plugin's `bin` on its PATH. */
import { execFile } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { root, tempFolder } from "../support/folders.ts";
import { newPlace, PLUGIN_VERSION, type Place } from "./place.ts";

const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

interface Run {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Runs `cct` as a shell finds it whose PATH begins with this folder. */
function run(folder: string, args: readonly string[], path: string, home = tempFolder()): Promise<Run> {
  const env = { PATH: `${folder}:${path}`, HOME: home };
  return new Promise((resolve) => {
    const child = execFile("/bin/sh", ["-c", 'exec cct "$@"', "sh", ...args], { env }, (_error, stdout, stderr) =>
      resolve({ status: child.exitCode, stdout, stderr }),
    );
  });
}

async function installed(name = "user"): Promise<Place> {
  const place = newPlace({ home: join(tempFolder(), name) });
  place.version(PLUGIN_VERSION);
  expect((await place.cct("install")).code).toBe(0);
  return place;
}

const BASE = "/usr/bin:/bin";
const says = { status: 0, stdout: `${version}\n`, stderr: "" };

describe("in a session's shell, cct", () => {
  test("is the installed program, also from a copy of the plugin, without node on the PATH", async () => {
    const place = await installed('a user\'s "home" $HOME `id`');
    const copy = join(tempFolder(), "the host's cache");
    cpSync(place.plugin, copy, { recursive: true });
    for (const plugin of [place.plugin, copy])
      expect(await run(join(plugin, "bin"), ["--version"], BASE)).toEqual(says);
  });

  test("gets each argument as it was given", async () => {
    const place = await installed();
    const { status, stderr } = await run(join(place.plugin, "bin"), ["config", "set", "no such", "a  b *"], BASE);
    expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringContaining("'no such'") });
  });

  test("works from the plugin as it lies in the package", async () => {
    expect(await run(join(root, "plugin", "bin"), ["--version"], process.env.PATH ?? "")).toEqual(says);
  });

  test("is another installed cct when its program is gone, and else says what to do", async () => {
    const { plugin } = await installed();
    const file = join(plugin, "bin", "cct");
    const gone = "/no such/dist/bin.js";
    writeFileSync(file, readFileSync(file, "utf8").replace(/^program=.*$/m, `program='${gone}'`));
    expect(await run(join(plugin, "bin"), ["--version"], BASE)).toEqual({
      status: 127,
      stdout: "",
      stderr: `cct: the program that this plugin belongs to is gone: ${gone}. Install CCT again, then run its command: cct up\n`,
    });

    // Two copies of the script do not call each other for ever.
    const copy = join(tempFolder(), "copy");
    cpSync(plugin, copy, { recursive: true });
    expect((await run(join(plugin, "bin"), ["--version"], `${join(copy, "bin")}:${BASE}`)).status).toBe(127);

    const other = join(tempFolder(), "other bin");
    mkdirSync(other);
    writeFileSync(join(other, "cct"), '#!/bin/sh\necho "other $#"\n', { mode: 0o755 });
    const found = await run(join(plugin, "bin"), ["a b", "c"], `${other}:${BASE}`);
    expect(found).toEqual({ status: 0, stdout: "other 2\n", stderr: "" });
  });

  test("can be run by its user only, and install mends that", async () => {
    const place = await installed();
    const file = join(place.plugin, "bin", "cct");
    expect(statSync(file).mode & 0o777).toBe(0o700);
    chmodSync(file, 0o600);
    expect((await place.cct("install")).code).toBe(0);
    expect(statSync(file).mode & 0o777).toBe(0o700);
  });
});
