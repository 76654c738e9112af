/** What CCT does not touch: files that it does not understand, and folders that are not its own. */
import { existsSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test as inTurn } from "vitest";
import { cct, failure } from "../support/cct.ts";
import { canMount, notRun } from "../support/not-run.ts";
import { CLASSIC_VERSION, newPlace, PLUGIN_VERSION, type Place, WAYS } from "./place.ts";

// Each test has a home of its own, so that they may run side by side.
const test = inTurn.concurrent;

async function expectRefusal(place: Place, why: RegExp, ...args: string[]): Promise<void> {
  const before = place.everything();
  expect(failure(await place.cct(...args))).toMatch(why);
  expect(place.everything()).toEqual(before);
}

const BROKEN: Record<string, string> = {
  "is cut off": '{ "hooks": {',
  "holds comments": '{\n  // mine\n  "model": "opus"\n}\n',
  "has a comma too many": '{ "model": "opus", }',
  "is a list": "[]\n",
  "is a text": '"hello"\n',
  "is null": "null\n",
};

test.each(Object.keys(BROKEN))("settings.json that %s is named and left unchanged", async (kind) => {
  const place = newPlace();
  place.version(CLASSIC_VERSION);
  place.write(place.settings, BROKEN[kind] ?? "");
  await expectRefusal(place, /settings\.json is not/, "install");
});

test("a mistake in the settings is named with its line and column", async () => {
  const place = newPlace();
  place.version(CLASSIC_VERSION);
  place.write(place.settings, BROKEN["holds comments"] ?? "");
  await expectRefusal(place, /settings\.json is not valid JSON \(line 2, column 3\)/, "install");
});

test.each(Object.keys(BROKEN))(
  "the plugin is installed beside settings that are broken (%s), which stay as they are: it says what was left out",
  async (kind) => {
    const place = newPlace();
    place.version(PLUGIN_VERSION);
    place.write(place.settings, BROKEN[kind] ?? "");
    const { code, stdout } = await place.cct("install");
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /The status line was left out: .*settings\.json is not .*\n.*To add it by hand[\s\S]*"statusLine": \{/,
    );
    expect(existsSync(join(place.plugin, "hooks/hooks.json"))).toBe(true);
    expect(readFileSync(place.settings, "utf8")).toBe(BROKEN[kind]);
    const without = await place.cct("install", "--no-statusline");
    expect(without).toMatchObject({ code: 0, stdout: expect.not.stringContaining("left out") });
    expect(readFileSync(place.settings, "utf8")).toBe(BROKEN[kind]);
  },
);

test("over an install of the older way whose settings are broken by now, it says that its hooks stay", async () => {
  const place = newPlace();
  place.version(CLASSIC_VERSION);
  expect(await place.cct("install")).toMatchObject({ code: 0 });
  const broken = `${readFileSync(place.settings, "utf8").trimEnd()},\n`;
  place.write(place.settings, broken);
  place.version(PLUGIN_VERSION);
  const { code, stdout } = await place.cct("install", "--no-statusline");
  expect(code).toBe(0);
  expect(stdout).toMatch(/Hooks of an earlier install stay beside the plugin's: .*settings\.json.* ends with "# cct"/);
  expect(stdout).not.toContain("status line");
  expect(readFileSync(place.settings, "utf8")).toBe(broken);
  // The other file is not broken.
  expect(readFileSync(place.state, "utf8")).not.toContain("mcpServers");
});

test.each(WAYS)("empty settings, and a byte order mark, are taken and kept (%s)", async (version) => {
  for (const text of ["", "\ufeff", '\ufeff{\r\n  "model": "opus"\r\n}\r\n']) {
    const place = newPlace();
    place.version(version);
    place.write(place.settings, text);
    expect((await place.cct("install")).code).toBe(0);
    const installed = readFileSync(place.settings, "utf8");
    expect(installed.startsWith("\ufeff")).toBe(text.startsWith("\ufeff"));
    expect(JSON.parse(installed.replace("\ufeff", "")).statusLine.command).toContain("line.sh");
    expect((await place.cct("uninstall")).code).toBe(0);
    expect(readFileSync(place.settings, "utf8")).toBe(text);
  }
});

test.each(["is cut off", "is a list"])(
  ".claude.json that %s is left unchanged, and so are the settings",
  async (kind) => {
    const place = newPlace();
    place.version(CLASSIC_VERSION);
    place.write(place.settings, "{}\n");
    place.write(place.state, BROKEN[kind] ?? "");
    await expectRefusal(place, /\.claude\.json is not/, "install");
  },
);

test.each(["null", "[]", '"text"'])(
  "hooks or servers that are %s in the settings: install changes all or nothing",
  async (value) => {
    for (const [name, text] of [
      ["settings", `{ "hooks": ${value} }\n`],
      ["state", `{ "mcpServers": ${value} }\n`],
      ["settings", `{ "hooks": { "PreToolUse": ${value} } }\n`],
    ] as const) {
      const place = newPlace();
      place.version(CLASSIC_VERSION);
      place.write(place.settings, "{}\n");
      place.write(place[name], text);
      const before = place.everything();
      const run = await place.cct("install");
      if (run.code !== 0) {
        failure(run);
        expect(place.everything()).toEqual(before);
      }
      await place.cct("uninstall");
      expect(place.everything()).toEqual(before);
    }
  },
);

describe("the plugin's folder", () => {
  test("is left alone if it contains another skill", async () => {
    const place = newPlace();
    place.version(PLUGIN_VERSION);
    place.write(join(place.plugin, "SKILL.md"), "mine");
    await expectRefusal(place, /exists and is not CCT's plugin.*Move it away/, "install");
  });

  test("is left alone if it contains another plugin, also by uninstall", async () => {
    const place = newPlace();
    place.version(PLUGIN_VERSION);
    place.write(join(place.plugin, ".claude-plugin/plugin.json"), '{ "name": "other" }');
    await expectRefusal(place, /exists and is not CCT's plugin/, "install");
    const before = place.everything();
    await place.cct("uninstall");
    expect(place.everything()).toEqual(before);
  });

  test("is left alone if it is a symbolic link", async () => {
    const place = newPlace();
    place.version(PLUGIN_VERSION);
    const elsewhere = join(place.home, "work/cct");
    mkdirSync(elsewhere, { recursive: true });
    mkdirSync(join(place.claude, "skills"), { recursive: true });
    symlinkSync(elsewhere, place.plugin);
    await expectRefusal(place, /symbolic link/, "install");
    // Also when what it leads to calls itself ours.
    place.write(join(elsewhere, ".claude-plugin/plugin.json"), '{ "name": "cct" }');
    await expectRefusal(place, /symbolic link/, "install");
    await expectRefusal(place, /symbolic link/, "uninstall");
  });

  test("is left alone if it is a file", async () => {
    const place = newPlace();
    place.version(PLUGIN_VERSION);
    place.write(place.plugin, "a file");
    await expectRefusal(place, /./, "install");
  });
});

test("a damaged record of the installation is named, and nothing is changed", async () => {
  const place = newPlace();
  place.version(CLASSIC_VERSION);
  place.write(place.settings, '{ "model": "opus" }\n');
  await place.cct("install");
  place.write(join(place.cctHome, "install.json"), '{ "changes": [');
  await expectRefusal(place, /install\.json/, "uninstall");
});

describe("without write permission", () => {
  const NAME = "install without write permission";
  const readonly = inTurn.skipIf(!canMount() && notRun(NAME, "no folder can be made read-only for root here"));

  /** Runs with some folders read-only, whoever runs it. */
  const namespace = ["/usr/bin/unshare", "-m", "--propagation", "private", "/bin/sh", "-c"];
  const within = (folders: string[]) => (command: string[]) => {
    const script =
      'while [ "$1" != -- ]; do mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" || exit 99; shift; done; shift; exec "$@"';
    return [...namespace, script, "sh", ...folders, "--", ...command];
  };

  /** `claude` first on PATH, then what mounting needs. */
  const env = (place: Place) => ({ ...place.env, PATH: `${place.env.PATH}:/usr/sbin:/usr/bin:/sbin:/bin` });

  readonly.each(WAYS)("a read-only ~/.claude is reported, and nothing is half installed (%s)", async (version) => {
    for (const settings of ['{ "model": "opus" }\n', undefined]) {
      const place = newPlace();
      place.version(version);
      mkdirSync(place.claude);
      if (settings) place.write(place.settings, settings);
      place.write(place.state, '{ "numStartups": 1 }\n');
      const before = place.everything();
      const run = await cct(["install"], { env: env(place), within: within([place.claude]) });
      expect(failure(run)).toMatch(/\.claude\/.* cannot be written \(EROFS\)\. Check/);
      expect(place.everything()).toEqual(before);
      // And once it can be written, all is as if this had not been.
      expect((await place.cct("install")).code).toBe(0);
      expect((await place.cct("uninstall")).code).toBe(0);
      expect(place.everything()).toEqual(before);
    }
  });

  readonly(
    "if only settings.json cannot be written, the plugin is installed, and the status line is left out",
    async () => {
      const place = newPlace();
      place.version(PLUGIN_VERSION);
      place.write(place.settings, '{ "model": "opus" }\n');
      const before = place.everything();
      const run = await cct(["install"], { env: env(place), within: within([place.settings]) });
      expect(run.code).toBe(0);
      expect(run.stdout).toMatch(/The status line was left out: .*settings\.json cannot be written \(E[A-Z]+\)/);
      expect(existsSync(join(place.plugin, "hooks/hooks.json"))).toBe(true);
      expect(readFileSync(place.settings, "utf8")).toBe('{ "model": "opus" }\n');
      expect((await place.cct("uninstall")).code).toBe(0);
      expect(place.everything()).toEqual(before);
    },
  );

  readonly("if ~/.claude.json cannot be replaced, the settings are not left half installed", async () => {
    const place = newPlace();
    place.version(CLASSIC_VERSION);
    place.write(place.settings, '{ "model": "opus" }\n');
    place.write(place.state, '{ "numStartups": 1 }\n');
    const before = place.everything();
    // The home is read-only; the folders in it, in which other files are written before, are not.
    const script =
      'for f in "$1" "$1/.claude" "$1/.cct"; do mount --bind "$f" "$f" || exit 99; done; mount -o remount,bind,ro "$1" || exit 99; shift; exec "$@"';
    const inside = (command: string[]) => [...namespace, script, "sh", place.home, ...command];
    mkdirSync(place.cctHome);
    const run = await cct(["install"], { env: env(place), within: inside });
    expect(failure(run)).toMatch(/\.claude\.json cannot be written/);
    expect(place.everything()).toEqual(before);
  });
});
