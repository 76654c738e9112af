/** Installing over an installation: repeated, for another version, several at once. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test as inTurn } from "vitest";
import { isAlive } from "../../src/platform/process.ts";
import { cct, success } from "../support/cct.ts";
import { notRun } from "../support/not-run.ts";
import { times } from "../support/soak.ts";
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

const settings = `${JSON.stringify({ model: "opus", hooks: { Stop: [{ hooks: [{ type: "command", command: "say" }] }] } }, null, 2)}\n`;
const state = `${JSON.stringify({ numStartups: 3, mcpServers: { other: { command: "x", args: [] } } }, null, 2)}\n`;

function placeOf(version: string): Place {
  const place = newPlace();
  place.version(version);
  place.write(place.settings, settings);
  place.write(place.state, state);
  return place;
}

function bare(version: string): Place {
  const place = newPlace();
  place.version(version);
  return place;
}

// Here because the others of this file take as long.
test("a `claude` that never answers is ended, and install goes on", async () => {
  const place = newPlace();
  const pidFile = join(place.home, "..", "pid");
  place.claudeIs(`echo $$ >'${pidFile}'; exec /bin/sleep 600`);
  const run = await place.cct("install");
  expect(run).toMatchObject({ code: 0, stderr: "cct: waiting for 'claude --version' …\n" });
  expect(run.stdout).toMatch(/installed.*\n'claude --version' did not answer within 15 s/);
  expect(existsSync(join(place.plugin, "hooks/mail.sh"))).toBe(true);
  const pid = Number(readFileSync(pidFile, "utf8"));
  expect(isAlive(pid)).toBe(false);
});

describe.each(WAYS)("repeated install (%s)", (version) => {
  test("changes nothing, not even a file's time, and says so", async () => {
    const place = placeOf(version);
    success(await place.cct("install"));
    const [before, times] = [place.everything(), place.times()];
    for (let i = 0; i < 2; i++) {
      expect(success(await place.cct("install"))).toBe("CCT is already installed; nothing changed.\n");
      expect(place.everything()).toEqual(before);
      expect(place.times()).toEqual(times);
    }
  });

  test("repairs damaged files and removes those of an older CCT", async () => {
    const place = placeOf(version);
    success(await place.cct("install"));
    const before = place.everything();
    const script = join(version === PLUGIN_VERSION ? place.plugin : place.cctHome, "hooks/mail.sh");
    const text = readFileSync(script, "utf8");
    place.write(script, "exit 2\n");
    if (version === PLUGIN_VERSION) place.write(join(place.plugin, "hooks/old.sh"), "of an older CCT\n");
    expect(success(await place.cct("install"))).toMatch(/installed \(/);
    expect(readFileSync(script, "utf8")).toBe(text);
    expect(place.everything()).toEqual(before);
  });
});

test("`up` sets everything up; repeated, it says what is already there", async () => {
  const place = placeOf(PLUGIN_VERSION);
  try {
    const first = success(await place.cct("up"));
    expect(first).toMatch(/✓ Broker: started\n✓ CCT in Claude Code: installed\n/);
    expect(first).toMatch(
      /Claude Code 2\.1\.330: mail reaches busy sessions beside tool results and wakes idle ones\n/,
    );
    // Only `claude` is on the PATH.
    expect(first).toMatch(
      /Your shell does not find cct yet: run npm link in .*, or write node .*dist\/bin\.js for cct\.\n$/,
    );
    writeFileSync(join(place.bin, "cct"), "", { mode: 0o755 });
    const [before, times] = [place.everything(), place.times()];
    const second = success(await place.cct("up", "--verbose"));
    expect(second).not.toContain("npm link");
    expect(second).toMatch(/Broker: already running, process \d+, home /);
    expect(second).toContain(`up to date, in ${place.plugin}`);
    expect(second).toMatch(/^ {4}waiter: /m);
    expect(place.everything()).toEqual(before);
    expect(place.times()).toEqual(times);
    place.claudeIs(undefined);
    const third = success(await place.cct("up"));
    expect(third).toMatch(/no 'claude' on your PATH.*\n.*npm install -g/);
    expect(place.everything()).toEqual(before);
  } finally {
    expect(success(await place.cct("kill"))).toMatch(/has ended/);
  }
});

describe("if Claude Code's version changes", () => {
  test.each([CLASSIC_VERSION, OLD_VERSION])(
    "from %s to one that loads plugins, the plugin replaces the settings entries",
    async (old) => {
      const place = placeOf(old);
      const before = place.everything();
      success(await place.cct("install"));
      place.version(PLUGIN_VERSION);
      success(await place.cct("install"));
      expect(existsSync(join(place.plugin, "hooks/hooks.json"))).toBe(true);
      expect(withoutLine(json(place.settings))).toEqual(JSON.parse(settings));
      expect(json(place.state)).toEqual(JSON.parse(state));
      expect(success(await place.cct("install"))).toMatch(/nothing changed/);
      success(await place.cct("uninstall"));
      expect(place.everything()).toEqual(before);
    },
  );

  test("from one that loads plugins to an older one, settings entries replace the plugin", async () => {
    const place = placeOf(PLUGIN_VERSION);
    const before = place.everything();
    success(await place.cct("install"));
    place.version(CLASSIC_VERSION);
    success(await place.cct("install"));
    expect(existsSync(join(place.plugin, "hooks/hooks.json"))).toBe(false);
    expect(json(place.settings)).toHaveProperty("hooks.SessionStart");
    expect(json(place.state)).toHaveProperty("mcpServers.cct");
    expect(success(await place.cct("install"))).toMatch(/nothing changed/);
    success(await place.cct("uninstall"));
    expect(place.everything()).toEqual(before);
  });

  test("between two that load none, the entries become those of the new version, once", async () => {
    const place = placeOf(OLD_VERSION);
    const before = place.everything();
    success(await place.cct("install"));
    place.version(CLASSIC_VERSION);
    success(await place.cct("install"));
    const text = readFileSync(place.settings, "utf8");
    expect(text.match(/ Stop block # cct"/g)).toHaveLength(1);
    expect(text).not.toContain("PreToolUse block # cct");
    expect(text).toContain("FileChanged # cct");
    success(await place.cct("uninstall"));
    expect(place.everything()).toEqual(before);
  });
});

describe("several runs at once", () => {
  test.each([PLUGIN_VERSION, CLASSIC_VERSION])("install one CCT, which can be uninstalled (%s)", async (version) => {
    // Without any folder yet, where all of it is to be made.
    const made = () => (version === PLUGIN_VERSION ? bare(version) : placeOf(version));
    const alone = made();
    const before = alone.everything();
    success(await alone.cct("install"));
    const wanted = Object.keys(alone.everything());
    for (let round = 0; round < times(2, 10); round++) {
      const place = made();
      const runs = await Promise.all([
        place.cctProcess("install"),
        place.cctProcess("install"),
        place.cctProcess("install"),
      ]);
      for (const run of runs) success(run);
      expect(Object.keys(place.everything())).toEqual(wanted);
      expect(success(await place.cct("install"))).toMatch(/nothing changed/);
      success(await place.cct("uninstall"));
      expect(place.everything()).toEqual(before);
    }
  });

  test("uninstall it once", async () => {
    const place = placeOf(CLASSIC_VERSION);
    const before = place.everything();
    success(await place.cct("install"));
    const runs = await Promise.all([place.cctProcess("uninstall"), place.cctProcess("uninstall")]);
    for (const run of runs) expect(run).toMatchObject({ code: 0, stderr: "" });
    expect(place.everything()).toEqual(before);
  });
});

test("an install that was killed does not block the next install or uninstall", async () => {
  const place = placeOf(CLASSIC_VERSION);
  const before = place.everything();
  const ended = spawnSync("true").pid;
  for (const command of ["install", "uninstall"]) {
    place.write(join(place.cctHome, "install.lock"), String(ended));
    success(await place.cct(command));
  }
  expect(place.everything()).toEqual(before);
});

const canInject = spawnSync("strace", ["-e", "inject=rename:signal=KILL:when=9", "true"]).status === 0;

inTurn.skipIf(
  !canInject && notRun("an install that is killed", "strace, which kills at a given moment, is not installed"),
)("an install that is killed at any moment can be completed, and can be undone", async () => {
  for (const version of [PLUGIN_VERSION, CLASSIC_VERSION]) {
    const whole = placeOf(version);
    const before = whole.everything();
    success(await whole.cct("install"));
    const wanted = Object.keys(whole.everything()).sort();
    // Every file is put in place by a rename: each of these ends the install before one of them.
    for (let at = 1; at <= 6; at += times(3, 1)) {
      const place = placeOf(version);
      const kill = ["-f", "-o", "/dev/null", "-e", "trace=rename", "-e", `inject=rename:signal=KILL:when=${at}`];
      const run = await cct(["install"], {
        env: place.env,
        within: (command) => ["/usr/bin/strace", ...kill, ...command],
      });
      expect(run.code).not.toBe(0);
      if (at % 2 === 0) {
        success(await place.cct("install"));
        expect(Object.keys(withoutRests(place)).sort()).toEqual(wanted);
      }
      success(await place.cct("uninstall"));
      expect(withoutRests(place)).toEqual(before);
    }
  }
});

/** Without the beginnings of files that a killed process left: nobody reads them. */
function withoutRests(place: Place): Record<string, string> {
  return Object.fromEntries(Object.entries(place.everything()).filter(([path]) => !/(^|\/)\.tmp\.[^/]+$/.test(path)));
}
