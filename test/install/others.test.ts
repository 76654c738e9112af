/** Settings of others: unchanged while CCT is installed and after uninstalling. */
import { chmodSync, lstatSync, readFileSync, readlinkSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test as inTurn } from "vitest";
import { success } from "../support/cct.ts";
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

const theirs = {
  model: "opus",
  permissions: { allow: ["Bash(npm test:*)", "Read(~/ünï/✓ 日本 😀)"], deny: [] },
  env: { NOTE: 'a "quoted" \\ word\tand # cct in the middle' },
  hooks: {
    PreToolUse: [
      { matcher: "Bash", hooks: [{ type: "command", command: "/usr/local/bin/check '# cct' --strict", timeout: 5 }] },
      { hooks: [{ type: "command", command: "echo hi # not cct's" }] },
    ],
    Stop: [{ hooks: [{ type: "command", command: "say done" }] }],
    PostToolUse: [{ matcher: "Edit|Write", hooks: [{ type: "command", command: "prettier --write" }] }],
  },
  statusLine: { type: "command", command: "~/bin/line" },
};

const withoutHooks = { model: "opus", permissions: { allow: ["Bash"] }, enabledPlugins: {} };

/** The same settings as people and programs write them. */
const SETTINGS: Record<string, string> = {
  "two spaces": `${JSON.stringify(theirs, null, 2)}\n`,
  "four spaces": `${JSON.stringify(theirs, null, 4)}\n`,
  tabs: `${JSON.stringify(theirs, null, "\t")}\n`,
  "no newline at the end": JSON.stringify(theirs, null, 2),
  "the line ends of Windows": `${JSON.stringify(theirs, null, 2)}\n`.replaceAll("\n", "\r\n"),
  "one line": `${JSON.stringify(theirs)}\n`,
  "one line with blanks": `${JSON.stringify(theirs, null, 1).replace(/\n\s*/g, " ")}\n`,
  "blank lines": JSON.stringify(theirs, null, 2).replace(/\n {2}"/g, '\n\n  "'),
  "no hooks": `${JSON.stringify(withoutHooks, null, 2)}\n`,
  "no hooks, in one line": JSON.stringify(withoutHooks),
  "no hooks, with the line ends of Windows": `${JSON.stringify(withoutHooks, null, 2)}\n`.replaceAll("\n", "\r\n"),
  "hooks that are none": `${JSON.stringify({ hooks: {}, a: 1 }, null, 2)}\n`,
  "lists of hooks that are empty": `${JSON.stringify({ hooks: { PreToolUse: [], Stop: [] }, a: 1 }, null, 2)}\n`,
  "nothing at all": "{}",
};

const state = {
  numStartups: 12,
  mcpServers: { github: { type: "stdio", command: "gh-mcp", args: [], env: {} } },
  projects: { "/proj": { hasTrustDialogAccepted: true } },
};

function placeWith(settings: string, version: string): Place {
  const place = newPlace();
  place.version(version);
  place.write(place.settings, settings);
  place.write(place.state, JSON.stringify(state, null, 2));
  place.write(join(place.claude, "skills/other/SKILL.md"), "another skill");
  return place;
}

/** An object without CCT's entries, and without what would only be there for them. */
function withoutOurs(settings: Record<string, unknown>): Record<string, unknown> {
  const { hooks, ...others } = withoutLine(settings);
  const kept = Object.entries((hooks ?? {}) as Record<string, { hooks: { command: string }[] }[]>).map(
    ([event, entries]) => [event, entries.filter((entry) => !entry.hooks.every((one) => / # cct$/.test(one.command)))],
  );
  return { ...others, hooks: Object.fromEntries(kept.filter(([, entries]) => entries?.length)) };
}

const kinds = Object.keys(SETTINGS);

/** Whether all lines of `text` are in `other`, in their order; a comma may have had to follow what was the last of its kind. */
function missingLine(text: string, other: string): string | undefined {
  const plain = (line: string) => line.replace(/,(\r?)$/, "$1");
  const there = other.split("\n").map(plain);
  return text.split("\n").find((line) => {
    const at = there.indexOf(plain(line));
    there.splice(0, at + 1);
    return at < 0;
  });
}

test.each(kinds)(
  "install keeps all existing settings in force, and uninstall restores the files byte for byte (%s)",
  async (kind) => {
    const text = SETTINGS[kind] ?? "";
    const place = placeWith(text, CLASSIC_VERSION);
    const before = place.everything();
    success(await place.cct("install"));
    expect(withoutOurs(json(place.settings))).toEqual(withoutOurs(JSON.parse(text)));
    expect(json(place.state)).toMatchObject(state);
    const installed = readFileSync(place.settings, "utf8");
    // The one line that is not as it was is the status line's command, which ours runs now.
    const kept = text.replace(/^[^\n]*"~\/bin\/line"[^\n]*\n/m, "");
    if (text.trim().includes("\n") && text.includes("opus")) expect(missingLine(kept, installed)).toBe(undefined);
    // CCT's hooks come after theirs.
    const { hooks } = JSON.parse(installed) as { hooks: Record<string, { hooks: { command: string }[] }[]> };
    for (const entries of Object.values(hooks)) {
      const ours = entries.map((entry) => entry.hooks.some((one) => / # cct$/.test(one.command)));
      expect(ours).toEqual([...ours].sort());
    }
    success(await place.cct("uninstall"));
    expect(place.everything()).toEqual(before);
  },
);

describe("while CCT is installed", () => {
  test("the settings are not opened for writing if the plugin is enough and no status line is wanted", async () => {
    const place = placeWith(SETTINGS.tabs ?? "", PLUGIN_VERSION);
    const before = { ...place.everything() };
    const times = place.times();
    success(await place.cct("install", "--no-statusline"));
    expect(place.everything()).toMatchObject(before);
    for (const path of [".claude/settings.json", ".claude.json"]) expect(place.times()[path]).toBe(times[path]);
  });

  test("file modes are unchanged", async () => {
    const place = placeWith(SETTINGS.tabs ?? "", CLASSIC_VERSION);
    chmodSync(place.settings, 0o644);
    chmodSync(place.state, 0o640);
    for (const command of ["install", "uninstall"]) {
      success(await place.cct(command));
      expect(statSync(place.settings).mode & 0o777).toBe(0o644);
      expect(statSync(place.state).mode & 0o777).toBe(0o640);
    }
  });
});

describe("after uninstalling", () => {
  test.each(WAYS)(
    "everything is as before, byte for byte, even after several kinds of install (%s)",
    async (version) => {
      const place = placeWith(SETTINGS.tabs ?? "", version);
      const before = place.everything();
      for (const option of ["--ask", "--dry-run"]) success(await place.cct("install", option));
      success(await place.cct("install"));
      expect(place.everything()).not.toEqual(before);
      success(await place.cct("uninstall"));
      expect(place.everything()).toEqual(before);
    },
  );

  test.each(kinds)("what others changed meanwhile stays, and nothing of CCT does (%s)", async (kind) => {
    const text = SETTINGS[kind] ?? "";
    const place = placeWith(text, OLD_VERSION);
    success(await place.cct("install"));
    const changed = (old: string) => old.replace(/^\{/, '{"changed": {"by": "them"},').replace(",}", "}");
    place.write(place.settings, changed(readFileSync(place.settings, "utf8")));
    place.write(place.state, changed(readFileSync(place.state, "utf8")));
    success(await place.cct("uninstall"));
    expect(withoutOurs(json(place.settings))).toEqual(withoutOurs(JSON.parse(changed(text))));
    expect(json(place.state)).toEqual({ changed: { by: "them" }, ...state });
    expect(readFileSync(place.settings, "utf8")).not.toMatch(/mail\.sh|# cct"/);
  });

  test("a file that others changed meanwhile reads as if CCT had never been in it", async () => {
    for (const kind of ["four spaces", "tabs", "the line ends of Windows", "no hooks"]) {
      const text = SETTINGS[kind] ?? "";
      const place = placeWith(text, CLASSIC_VERSION);
      success(await place.cct("install"));
      const changed = (old: string) => old.replace('"opus"', '"sonnet"');
      place.write(place.settings, changed(readFileSync(place.settings, "utf8")));
      success(await place.cct("uninstall"));
      expect({ kind, text: readFileSync(place.settings, "utf8") }).toEqual({ kind, text: changed(text) });
    }
  });

  test("files that install created keep what others wrote into them", async () => {
    const place = newPlace();
    place.version(CLASSIC_VERSION);
    success(await place.cct("install"));
    place.write(place.settings, JSON.stringify({ ...json(place.settings), model: "opus" }, null, 2));
    place.write(place.state, JSON.stringify({ ...json(place.state), numStartups: 1 }, null, 2));
    success(await place.cct("uninstall"));
    expect(json(place.settings)).toEqual({ model: "opus" });
    expect(json(place.state)).toEqual({ numStartups: 1 });
  });

  test("a hook that the user added to CCT's entry stays", async () => {
    const place = placeWith(SETTINGS["no hooks"] ?? "", CLASSIC_VERSION);
    success(await place.cct("install"));
    const settings = json(place.settings) as { hooks: Record<string, { hooks: object[] }[]> };
    settings.hooks.Stop?.[0]?.hooks.push({ type: "command", command: "say done" });
    place.write(place.settings, JSON.stringify(settings, null, 2));
    success(await place.cct("uninstall"));
    expect(json(place.settings)).toEqual({
      ...withoutHooks,
      hooks: { Stop: [{ hooks: [{ type: "command", command: "say done" }] }] },
    });
  });

  test("folders that contain the user's files stay", async () => {
    const place = newPlace();
    place.version(PLUGIN_VERSION);
    success(await place.cct("install"));
    place.write(join(place.claude, "skills/mine/SKILL.md"), "mine");
    place.write(join(place.claude, "settings.json"), "{}\n");
    success(await place.cct("uninstall"));
    expect(Object.keys(place.everything()).sort()).toEqual(
      [
        ".claude",
        ".claude/settings.json",
        ".claude/skills",
        ".claude/skills/mine",
        ".claude/skills/mine/SKILL.md",
      ].sort(),
    );
  });

  test("a CCT home whose name is a prefix of Claude Code's folder causes no confusion", async () => {
    const base = newPlace();
    const place = newPlace({ home: base.home, cctHome: join(base.home, ".c") });
    place.version(CLASSIC_VERSION);
    place.write(place.settings, SETTINGS["one line"] ?? "");
    const before = place.everything();
    success(await place.cct("install"));
    success(await place.cct("uninstall"));
    expect(place.everything()).toEqual(before);
  });
});

test("settings that are a symbolic link stay a link, and its target loses nothing", async () => {
  const place = newPlace();
  place.version(CLASSIC_VERSION);
  const kept = join(place.home, "dotfiles/settings.json");
  const text = SETTINGS["two spaces"] ?? "";
  place.write(kept, text);
  place.write(join(place.claude, "keep"), "");
  symlinkSync(kept, place.settings);
  const run = await place.cct("install");
  expect(lstatSync(place.settings).isSymbolicLink()).toBe(true);
  expect(readlinkSync(place.settings)).toBe(kept);
  // Writing where the link leads is right, and refusing is right; a copy in its place is not.
  if (run.code === 0) expect(json(kept)).toHaveProperty("hooks.SessionStart");
  else expect(readFileSync(kept, "utf8")).toBe(text);
  await place.cct("uninstall");
  expect(lstatSync(place.settings).isSymbolicLink()).toBe(true);
  expect(readFileSync(kept, "utf8")).toBe(text);
});
