/** Notifications on the desktop: each program gets texts as they are, and `cct notify watch` shows each need once. */
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { desktopOf } from "../../src/cli/parts/desktop.ts";
import { ok } from "../support/api.ts";
import { startBroker } from "../support/broker.ts";
import { success } from "../support/cct.ts";
import { root, tempFolder } from "../support/folders.ts";
import { newPeer } from "../support/peers.ts";
import { run } from "../support/process.ts";
import { until } from "../support/wait.ts";
import { personAt } from "./person.ts";

/** A folder with this program in it, which writes its arguments down. */
function withProgram(name: string): { folder: string; calls(): string[][] } {
  const folder = tempFolder();
  const [program, file] = [join(folder, name), join(folder, "calls")];
  // A call ends with an empty argument, which none of ours is.
  writeFileSync(program, `#!/bin/bash\nprintf '%s\\0' "$@" '' >>'${file}'\n`);
  chmodSync(program, 0o755);
  return {
    folder,
    calls() {
      if (!existsSync(file)) return [];
      const calls = readFileSync(file, "utf8").split("\0\0");
      return calls.slice(0, -1).map((call) => call.split("\0"));
    },
  };
}

const HOSTILE = '<b>&amp;</b> $(id) `id` "; rm -rf ~ # \\n \u202e\u001b[31mred';

test("notify-send gets texts without markup, and osascript gets them beside its script", async () => {
  for (const [name, platform] of [
    ["notify-send", "linux"],
    ["osascript", "darwin"],
  ] as const) {
    const program = withProgram(name);
    const env = { PATH: `${program.folder}:/usr/bin:/bin`, DISPLAY: ":0" };
    const desktop = desktopOf({ env }, platform);
    expect(await desktop?.show({ title: "-x\nCCT", body: `${HOSTILE}\n-- second`, isUrgent: true })).toBeUndefined();
    const [call = [], ...others] = program.calls();
    expect(others).toEqual([]);
    const [title, body] = call.slice(-2);
    const seen = HOSTILE.replace("\u202e\u001b[31m", "[31m");
    if (platform === "linux") {
      expect(call.slice(0, -2)).toEqual(["--app-name=CCT", "--urgency=normal", "--"]);
      expect(title).toBe("-x CCT");
      const escaped = '&lt;b&gt;&amp;amp;&lt;/b&gt; $(id) `id` "; rm -rf ~ # \\\\n [31mred';
      expect(body).toBe(`${escaped}\n-- second`);
    } else {
      expect(call.slice(0, -2).join(" ")).toBe(
        "-e on run argv -e display notification (item 2 of argv) with title (item 1 of argv) -e end run",
      );
      expect([title, body]).toEqual(["CCT: -x CCT", `${seen}\n-- second`]);
    }
  }
});

test("a desktop whose program is not there says what to install; over ssh there is none", async () => {
  const env = { PATH: tempFolder(), DISPLAY: ":0" };
  const shown = { title: "CCT", body: "x", isUrgent: false };
  expect(await desktopOf({ env }, "linux")?.show(shown)).toContain("install libnotify");
  expect(desktopOf({ env: { PATH: "/usr/bin" } }, "linux")).toBeUndefined();
  expect(desktopOf({ env: { SSH_CONNECTION: "1" } }, "darwin")).toBeUndefined();
});

test("cct notify watch shows each need once on the desktop, without its text, and cct notify test tries it", async () => {
  const program = withProgram("notify-send");
  const broker = await startBroker();
  const surroundings = {
    CCT_HOME: broker.home,
    CCT_NOTIFY_AFTER_SECONDS: "0",
    PATH: `${program.folder}:${process.env.PATH}`,
    DISPLAY: ":0",
  };
  const me = personAt(join(broker.home, ".."), broker.home, surroundings);
  expect(success(await me.cct("notify", "test", "--channel", "desktop"))).toMatch(/^✓ desktop \(.*\): arrived\n$/);
  expect(program.calls()).toHaveLength(1);
  const ann = await newPeer(broker, "ann");
  await ok(broker, "send_message", { to: "operator", text: "Which port?" }, ann);
  const env = Object.fromEntries(Object.entries(me.env).flatMap(([name, value]) => (value ? [[name, value]] : [])));
  const watch = run(process.execPath, [join(root, "dist/bin.js"), "notify", "watch", "--json"], { env, cwd: me.home });
  await until("it is shown", () => program.calls().length === 2);
  const [, second] = program.calls();
  expect(second?.slice(-2)).toEqual(["CCT", "ann wrote to you"]);
  expect(await watch.stop("SIGINT")).toMatchObject({ code: 0 });
  const lines = watch
    .stdout()
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(lines).toMatchObject([{ kind: "question", body: "ann wrote to you", need_ids: [expect.any(String)] }]);
  expect(watch.stderr()).toBe("");
});
