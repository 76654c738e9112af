/** The extension in Gemini CLI: what install writes, and that uninstall leaves no trace of it. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test as inTurn } from "vitest";
import { geminiInstall } from "../../src/host/gemini.ts";
import { instructions } from "../../src/rules/texts/instructions.ts";
import { success } from "../support/cct.ts";
import { root } from "../support/folders.ts";
import { json, newPlace, type Place } from "./place.ts";

// Each test has a home of its own, so that they may run side by side.
const test = inTurn.concurrent;

const folder = ({ home }: Place): string => join(home, ".gemini/extensions/cct");
const policy = ({ home }: Place): string => join(home, ".gemini/policies/cct.toml");

/** A person who has used Gemini CLI. */
function withGemini(version?: string): Place {
  const place = newPlace();
  place.write(join(place.home, ".gemini/settings.json"), '{ "tools": {} }\n');
  if (version !== undefined) {
    const lib = join(place.home, "lib/gemini-cli");
    place.write(join(lib, "package.json"), JSON.stringify({ name: "@google/gemini-cli", version }));
    place.write(join(lib, "bundle/gemini.js"), "");
    symlinkSync(join(lib, "bundle/gemini.js"), join(place.bin, "gemini"));
  }
  return place;
}

async function findings(place: Place): Promise<string[]> {
  const { stdout } = await place.cct("doctor", "--json");
  const all: { check: string; verdict: string; found: string }[] = JSON.parse(stdout).findings;
  return all.filter(({ check }) => check === "Gemini CLI").map(({ verdict, found }) => `${verdict}: ${found}`);
}

test("install writes a folder of our own and a policy, and uninstall restores what was there", async () => {
  const place = withGemini();
  const before = place.everything();
  expect(success(await place.cct("install", "--host", "gemini", "--dry-run"))).toContain(
    `would create ${folder(place)}/`,
  );
  expect(place.everything()).toEqual(before);
  expect(success(await place.cct("install", "--host", "gemini"))).toContain("installed in Gemini CLI (6 files)");
  const ours = Object.keys(place.everything()).filter((path) => !Object.hasOwn(before, path));
  const files = [
    "GEMINI.md",
    "cct-install.json",
    "gemini-extension.json",
    "hooks",
    "hooks/hooks.json",
    "hooks/mail.sh",
  ];
  expect(ours.sort()).toEqual([
    ".gemini/extensions",
    ".gemini/extensions/cct",
    ...files.map((path) => `.gemini/extensions/cct/${path}`),
    ".gemini/policies",
    ".gemini/policies/cct.toml",
  ]);
  expect(json(join(folder(place), "gemini-extension.json"))).toMatchObject({
    name: "cct",
    contextFileName: "GEMINI.md",
    mcpServers: { cct: { command: process.execPath, args: [join(root, "dist/bin.js"), "mcp", "--host", "gemini"] } },
  });
  expect(readFileSync(join(folder(place), "GEMINI.md"), "utf8")).toBe(`${instructions()}\n`);
  expect(success(await place.cct("install", "--host", "gemini"))).toContain("nothing changed");
  expect(success(await place.cct("uninstall", "--host", "gemini"))).toContain("removed from Gemini CLI");
  expect(place.everything()).toEqual(before);
  expect(success(await place.cct("uninstall", "--host", "gemini"))).toContain("nothing changed");
});

test("$GEMINI_CLI_HOME is where it lies", async () => {
  const place = withGemini();
  const elsewhere = join(place.home, "elsewhere");
  place.write(join(elsewhere, "file"), "");
  const before = place.everything();
  place.env.GEMINI_CLI_HOME = elsewhere;
  expect(success(await place.cct("install", "--host", "gemini"))).toContain("installed");
  expect(existsSync(join(elsewhere, ".gemini/extensions/cct/gemini-extension.json"))).toBe(true);
  await place.cct("uninstall", "--host", "gemini");
  expect(place.everything()).toEqual(before);
});

test("what is not ours is left alone: a folder, a policy, a link", async () => {
  const place = withGemini();
  place.write(join(folder(place), "gemini-extension.json"), '{ "name": "theirs" }');
  const before = place.everything();
  expect((await place.cct("install", "--host", "gemini")).stderr).toContain("is not CCT's extension");
  expect(success(await place.cct("uninstall", "--host", "gemini"))).toContain("nothing changed");
  expect(place.everything()).toEqual(before);

  const other = withGemini();
  other.write(policy(other), "# mine\n");
  expect((await other.cct("install", "--host", "gemini")).stderr).toContain("is not CCT's");
  expect(existsSync(folder(other))).toBe(false);

  const third = withGemini();
  third.write(join(third.home, "elsewhere/file"), "");
  third.write(join(third.home, ".gemini/extensions/theirs/file"), "");
  symlinkSync(join(third.home, "elsewhere"), folder(third));
  expect((await third.cct("install", "--host", "gemini")).stderr).toContain("is a symbolic link");
});

test("a policy of the user's own stays beside ours, and one of ours that they changed stays at uninstall", async () => {
  const place = withGemini();
  const mine = join(place.home, ".gemini/policies/mine.toml");
  place.write(mine, "# mine\n");
  await place.cct("install", "--host", "gemini");
  place.write(policy(place), '[[rule]]\nmcpName = "cct"\ntoolName = "*"\ndecision = "ask_user"\npriority = 100\n');
  await place.cct("uninstall", "--host", "gemini");
  expect(readFileSync(policy(place), "utf8")).toContain("ask_user");
  expect(existsSync(mine)).toBe(true);
  expect(existsSync(folder(place))).toBe(false);
});

test("an install that was interrupted is finished by the next one, and what is out of date is renewed", async () => {
  const place = withGemini();
  await place.cct("install", "--host", "gemini");
  const whole = place.everything();
  place.write(join(folder(place), "hooks/mail.sh"), "# of an earlier version\n");
  place.write(join(folder(place), "left.txt"), "");
  expect(await findings(place)).toEqual(["warning: CCT in it is not up to date. Fix it with: cct up"]);
  await place.cct("install", "--host", "gemini");
  expect(place.everything()).toEqual(whole);
});

test("doctor knows the version, says when it was not tried, and that mail does not wake its sessions", async () => {
  const newest = geminiInstall.tried.at(-1) ?? "";
  const [known, newer, older] = [withGemini(newest), withGemini("99.0.0"), withGemini("0.1.0")];
  for (const place of [known, newer, older]) await place.cct("install", "--host", "gemini");
  const limit = "Its sessions take mail at their next prompt; they cannot be woken";
  expect(await findings(known)).toEqual([`ok: ${newest}, tried. ${limit}. CCT lies in ${folder(known)}`]);
  expect(await findings(newer)).toEqual([
    `ok: 99.0.0, not tried: it is treated like ${newest}. ${limit}. CCT lies in ${folder(newer)}`,
  ]);
  expect((await findings(older))[0]).toContain("warning: 0.1.0 is older than");
  expect(await findings(withGemini(newest))).toEqual([]);
});

test("cct up says that it is there, and installs nothing without being asked", async () => {
  const place = withGemini("0.61.0");
  try {
    expect((await place.cctProcess("up")).stdout).toContain("cct install --host gemini");
    expect(existsSync(folder(place))).toBe(false);
    await place.cct("install", "--host", "gemini");
    expect((await place.cctProcess("up")).stdout).toContain("CCT in Gemini CLI: up to date");
  } finally {
    await place.cctProcess("kill");
  }
});

test("each hook is one line of bash that says nothing where no session server is", async () => {
  const place = withGemini();
  await place.cct("install", "--host", "gemini");
  const { hooks } = json(join(folder(place), "hooks/hooks.json")) as {
    hooks: Record<string, { hooks: { command: string; timeout: number }[] }[]>;
  };
  const commands = Object.values(hooks).flatMap((entries) => entries.flatMap((one) => one.hooks));
  expect(commands.length).toBeGreaterThan(8);
  for (const { command, timeout } of commands) {
    expect(timeout).toBe(10_000);
    // Without SHLVL, a bash whose input is a socket reads the user's .bashrc.
    const env = { SHLVL: "1", PATH: "/usr/bin:/bin", CCT_HOME: join(place.home, "none") };
    const { status, stdout, stderr } = spawnSync("bash", ["-c", command], { env, input: "{}", encoding: "utf8" });
    expect({ command, status, stdout, stderr }).toMatchObject({ stdout: "", stderr: "" });
  }
});
