/** The status line in the settings: CCT's alone or beside the user's own, and the user's own again after uninstalling. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test as inTurn } from "vitest";
import { renderFlags } from "../../src/session/flags.ts";
import { runCommand } from "../hooks/hook.ts";
import { flags } from "../statusline/line.ts";
import { success } from "../support/cct.ts";
import { tempFolder } from "../support/folders.ts";
import { CLASSIC_VERSION, json, newPlace, PLUGIN_VERSION, type Place, WAYS } from "./place.ts";

// Each test has a home of its own, so that they may run side by side.
const test = inTurn.concurrent;

interface StatusLine {
  type: string;
  command: string;
  [more: string]: unknown;
}

const lineIn = (place: Place): StatusLine | undefined => json(place.settings).statusLine as StatusLine | undefined;

function placeOf(version: string, settings?: string | object): Place {
  const place = newPlace();
  place.version(version);
  if (settings !== undefined)
    place.write(place.settings, typeof settings === "string" ? settings : `${JSON.stringify(settings, null, 2)}\n`);
  return place;
}

/** What the host would show: the command run by a shell, with a session that says that all is well. */
async function shown(place: Place): Promise<string> {
  mkdirSync(join(place.cctHome, "flags"), { recursive: true });
  writeFileSync(join(place.cctHome, "flags", "4242"), renderFlags(flags, Date.now()));
  const env = { ...place.env, PATH: process.env.PATH, CLAUDE_PID: "4242" };
  const run = await runCommand(["sh", "-c", lineIn(place)?.command ?? "exit 99"], env, '{"cwd":"/proj"}');
  expect(run).toMatchObject({ status: 0, stderr: "" });
  return run.stdout;
}

describe.each(WAYS)("the status line (%s)", (version) => {
  test("is set, and refreshed every five seconds", async () => {
    const place = placeOf(version);
    success(await place.cct("install"));
    expect(lineIn(place)).toEqual({ type: "command", command: expect.any(String), refreshInterval: 5 });
    expect(await shown(place)).toBe("CCT:dd5c\n");
    expect(success(await place.cct("install"))).toMatch(/nothing changed/);
  });

  test("is left out or removed with --no-statusline, which `up` remembers", async () => {
    const place = placeOf(version, { model: "opus" });
    success(await place.cct("install", "--no-statusline"));
    expect(lineIn(place)).toBe(undefined);
    try {
      success(await place.cct("up"));
      expect(lineIn(place)).toBe(undefined);
      success(await place.cct("install"));
      expect(lineIn(place)).toBeDefined();
      success(await place.cct("install", "--no-statusline"));
      expect(lineIn(place)).toBe(undefined);
    } finally {
      success(await place.cct("kill"));
    }
  });

  test("runs the user's own command, whatever it contains, and shows both", async () => {
    const own = `printf '%s|' "it's" \\' "\\"q\\"" $((1+1)) # mine`;
    const place = placeOf(version, { statusLine: { type: "command", command: own, padding: 2, color: "of mine" } });
    success(await place.cct("install"));
    expect(lineIn(place)).toMatchObject({ padding: 2, color: "of mine", refreshInterval: 5 });
    expect(await shown(place)).toBe(`it's|'|"q"|2|  CCT:dd5c\n`);
    for (let i = 0; i < 2; i++) expect(success(await place.cct("install"))).toMatch(/nothing changed/);
  });

  test("keeps the refresh interval that the user chose", async () => {
    const place = placeOf(version, { statusLine: { refreshInterval: 30, type: "command", command: "echo mine" } });
    const before = place.everything();
    success(await place.cct("install"));
    expect(lineIn(place)?.refreshInterval).toBe(30);
    success(await place.cct("uninstall"));
    expect(place.everything()).toEqual(before);
  });

  test("shows nothing, or only the user's own, if CCT's script is missing", async () => {
    for (const own of [undefined, { statusLine: { type: "command", command: "cat; echo ' mine'" } }]) {
      const place = placeOf(version, own);
      success(await place.cct("install"));
      for (const folder of [place.plugin, join(place.cctHome, "hooks")])
        rmSync(folder, { recursive: true, force: true });
      expect(await shown(place)).toBe(own ? '{"cwd":"/proj"} mine\n' : "");
    }
  });

  test("is restored byte for byte by uninstall, even if other settings were changed meanwhile", async () => {
    const own = `{"type" :  "command","command":"echo caf\\u00e9 \\/ mine",\n      "padding": 0 }`;
    const text = `{\n  "model": "opus",\n  "statusLine": ${own},\n  "env": {}\n}\n`;
    const place = placeOf(version, text);
    success(await place.cct("install"));
    expect(await shown(place)).toBe("café / mine  CCT:dd5c\n");
    place.write(place.settings, readFileSync(place.settings, "utf8").replace("opus", "sonnet"));
    success(await place.cct("uninstall"));
    expect(readFileSync(place.settings, "utf8")).toBe(text.replace("opus", "sonnet"));
  });

  test("keeps what the user changed meanwhile when uninstall restores the user's command", async () => {
    const place = placeOf(version, { statusLine: { type: "command", command: "echo mine" } });
    success(await place.cct("install"));
    place.write(
      place.settings,
      JSON.stringify({ ...json(place.settings), statusLine: { ...lineIn(place), padding: 3 } }),
    );
    success(await place.cct("uninstall"));
    expect(json(place.settings)).toEqual({ statusLine: { type: "command", command: "echo mine", padding: 3 } });
  });

  test("that the user replaced or removed is left alone by uninstall", async () => {
    for (const own of [{ type: "command", command: "echo another" }, undefined]) {
      const place = placeOf(version, { statusLine: { type: "command", command: "echo mine" }, a: 1 });
      success(await place.cct("install"));
      place.write(place.settings, JSON.stringify({ ...json(place.settings), statusLine: own }));
      success(await place.cct("uninstall"));
      expect(json(place.settings)).toEqual(own ? { statusLine: own, a: 1 } : { a: 1 });
    }
  });

  test("that the user replaced is included by the next install and restored by uninstall", async () => {
    const place = placeOf(version, { statusLine: { type: "command", command: "echo mine" }, model: "opus" });
    success(await place.cct("install"));
    const another = { type: "command", command: "echo another" };
    place.write(place.settings, JSON.stringify({ ...json(place.settings), statusLine: another, model: "sonnet" }));
    success(await place.cct("install"));
    expect(await shown(place)).toBe("another  CCT:dd5c\n");
    success(await place.cct("uninstall"));
    expect(json(place.settings)).toEqual({ statusLine: another, model: "sonnet" });
  });

  test("of an unknown form is left alone", async () => {
    for (const own of [null, "text", [], {}, { type: "static", command: "x" }, { type: "command", command: 3 }]) {
      const text = JSON.stringify({ statusLine: own });
      const place = placeOf(version, text);
      success(await place.cct("install"));
      expect(lineIn(place)).toEqual(own);
      success(await place.cct("uninstall"));
      expect(readFileSync(place.settings, "utf8")).toBe(text);
    }
  });

  test("is restored even without a record of the installation", async () => {
    const place = placeOf(version, { statusLine: { type: "command", command: "echo 'mine'" } });
    success(await place.cct("install"));
    rmSync(join(place.cctHome, "install.json"));
    success(await place.cct("uninstall"));
    expect(json(place.settings)).toEqual({ statusLine: { type: "command", command: "echo 'mine'" } });
  });
});

test("changes made between two installs survive uninstalling", async () => {
  const place = placeOf(CLASSIC_VERSION, { model: "opus" });
  success(await place.cct("install"));
  place.write(place.settings, JSON.stringify({ ...json(place.settings), model: "sonnet" }));
  success(await place.cct("install", "--ask"));
  success(await place.cct("uninstall"));
  expect(json(place.settings)).toEqual({ model: "sonnet" });
});

test.each(["plain", "with blanks in it", `quotes ' and "`, "dollar $HOME and ${x} & more"])(
  "CCT's script is found if homes are named: %s",
  async (name) => {
    const base = join(tempFolder(), name);
    for (const version of [PLUGIN_VERSION, CLASSIC_VERSION]) {
      const place = newPlace({ home: join(base, version), cctHome: join(base, `cct ${version}`) });
      place.version(version);
      place.write(place.settings, JSON.stringify({ statusLine: { type: "command", command: "echo mine" } }));
      success(await place.cct("install"));
      expect(await shown(place)).toBe("mine  CCT:dd5c\n");
    }
  },
);

test("invalid settings are left unchanged with or without a status line, and doctor says what is left out", async () => {
  for (const [option, found] of [
    ["--no-statusline", "not wanted"],
    ["--ask", "left out: "],
  ] as const) {
    const place = placeOf(PLUGIN_VERSION, "{ cut");
    expect((await place.cct("install", option)).code).toBe(0);
    expect(readFileSync(place.settings, "utf8")).toBe("{ cut");
    const { findings } = JSON.parse((await place.cct("doctor", "--json")).stdout);
    const line = findings.find(({ check }: { check: string }) => check === "status line");
    expect(line.found.startsWith(found)).toBe(true);
  }
});

test("doctor says what the status line shows", async () => {
  const place = placeOf(PLUGIN_VERSION, { statusLine: { type: "command", command: "echo mine" } });
  const said = async (): Promise<string> => {
    const { stdout } = await place.cct("doctor", "--json");
    const { findings } = JSON.parse(stdout) as { findings: { check: string; verdict: string; found: string }[] };
    const { verdict, found } = findings.find(({ check }) => check === "status line") ?? { verdict: "none", found: "" };
    return `${verdict}: ${found}`;
  };
  expect(await said()).toBe("none: ");
  success(await place.cct("install"));
  expect(await said()).toBe("ok: shows yours and CCT");
  place.write(place.settings, "{}");
  expect(await said()).toBe("warning: does not show CCT. Fix it with: cct up");
  success(await place.cct("install", "--no-statusline"));
  expect(await said()).toBe("ok: not wanted");
});
