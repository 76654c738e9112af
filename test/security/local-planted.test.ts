/**
 * Another user of the same machine plants a home, or returns to one that was once open to others. The victim is root here, which
 * file modes do not stop: the refusals are the program's, not the system's.
 */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ok } from "../support/api.ts";
import { spawnBroker } from "../support/broker.ts";
import { failure } from "../support/cct.ts";
import { tempFolder } from "../support/folders.ts";
import { startHost } from "../support/host.ts";
import { notRun } from "../support/not-run.ts";
import { newPeer } from "../support/peers.ts";
import { canBeMallory, mallory, malloryStays, openFolder, trap } from "./mallory.ts";
import { ALL, everything, hooksSay, MAIL, silence, statusLine, victim } from "./victim.ts";

describe.skipIf(!canBeMallory() && notRun(ALL, "needs Linux, root and setpriv"))(ALL, () => {
  describe("plants something in the place of a home, in a folder that all may write", () => {
    const PLANTS = {
      "a folder of his": 'mkdir -m 777 "$1"',
      "a link to a folder of his": 'mkdir -m 777 "$1.his" && ln -s "$1.his" "$1"',
      "a link to a folder of the victim": 'ln -s "$2" "$1"',
      "a pipe": 'mkfifo -m 666 "$1"',
      "a file": 'umask 0; : >"$1"',
    };

    test.each(Object.entries(PLANTS))(
      "%s: every command refuses it, and hooks do not touch it",
      async (_what, plant) => {
        const home = join(openFolder(0o1777), "x");
        const mine = tempFolder();
        const { pid } = malloryStays();
        expect((await mallory(plant, home, mine)).code).toBe(0);
        // What would be obeyed if it were believed: mail for the model, and a line for the status.
        await mallory(
          'umask 0; mkdir -p "$1/spool/$2" "$1/flags" && printf %s "$3" >"$1/spool/$2/mail" && : >"$1/spool/$2/state" && echo "$(date +%s) $2 abcd evil up live idle 0 7 0 - 0" >"$1/flags/$2"',
          home,
          String(pid),
          MAIL,
        );
        const before = lstatSync(home).isDirectory() ? everything(home).sort() : [];
        for (const words of [["start"], ["start", "--foreground"], ["peers"], ["send", "ben", "hi"], ["install"]])
          expect(failure(await victim(home)(...words))).toContain(home);
        expect(await hooksSay(home, pid ?? 0)).toEqual(silence);
        expect(statusLine(home, pid ?? 0)).toBe("CCT:off");
        expect(lstatSync(home).isDirectory() ? everything(home).sort() : []).toEqual(before);
        expect(readdirSync(mine)).toEqual([]);
      },
    );

    test("a folder that others may write and that is not sticky is refused for a home", async () => {
      const folder = openFolder(0o777);
      expect(failure(await victim(join(folder, "x"))("start"))).toMatch(/Others can write in .*chmod go-w/);
      expect(readdirSync(folder)).toEqual([]);
    });

    test("so is a folder below one of the attacker's, or behind a link of the attacker's", async () => {
      const folder = openFolder(0o1777);
      await mallory('mkdir "$1/his" && ln -s "$2" "$1/link"', folder, tempFolder());
      for (const way of ["his/x", "his/a/b/x", "link/x"])
        expect(failure(await victim(join(folder, way))("start"))).toMatch(/belongs to user 54322, who could replace/);
      expect(readdirSync(join(folder, "his"))).toEqual([]);
    });
  });

  test("root in another user's HOME creates nothing there", async () => {
    const theirs = openFolder(0o755);
    chownSync(theirs, 54_322, 54_322);
    for (const words of [["start"], ["install"], ["config", "set", "port", "8006"]])
      expect(failure(await victim(join(theirs, ".cct"))(...words))).toMatch(/sudo -H/);
    expect(readdirSync(theirs)).toEqual([]);
  });

  describe("returns to a home that was once open to others", () => {
    /** A home with a token, open to all, as after `chmod -R a+rwX`. */
    function openHome(): string {
      const home = join(openFolder(0o755), "home");
      mkdirSync(join(home, "pidmaps"), { recursive: true });
      chmodSync(home, 0o777);
      return home;
    }
    const note = (url: string, pid = process.pid): string =>
      JSON.stringify({ pid, began: readFileSync(`/proc/${pid}/stat`, "latin1").split(" ")[21], url, version: "0.1.0" });
    const LOOKS = [["status"], ["peers"], ["kill"]];

    test.each([
      ["broker.json", "a note of a broker at his port"],
      ["config.json", "a setting for a broker at his port"],
    ])("%s, %s: no token is sent there", async (name) => {
      const { url, heard } = await trap();
      const content = name === "broker.json" ? note(url) : JSON.stringify({ broker: url });
      for (const plant of ['printf %s "$2" >"$1"', 'printf %s "$2" >"$1.his" && ln -s "$1.his" "$1"']) {
        const home = openHome();
        writeFileSync(join(home, "token"), "the-token-of-this-home\n", { mode: 0o600 });
        expect((await mallory(`umask 0; ${plant}`, join(home, name), content)).code).toBe(0);
        for (const words of LOOKS) await victim(home)(...words);
        expect(failure(await victim(home)("start"))).toMatch(/belongs to user|symbolic link/);
      }
      expect(heard).toEqual([]);
      // The same note, our own: that one is believed, so the trap is asked for a proof. It gets no token without one.
      const home = openHome();
      writeFileSync(join(home, "token"), "the-token-of-this-home\n", { mode: 0o600 });
      writeFileSync(join(home, name), content, { mode: 0o600 });
      await victim(home)("status");
      expect(heard.join()).toContain("GET /prove");
      expect(heard.join()).not.toContain("the-token");
    });

    test("a token that the attacker planted as file, link or pipe is not used", async () => {
      const PLANTS = ['echo known >"$1"', 'echo known >"$1.his"; ln -s "$1.his" "$1"', 'mkfifo "$1"'];
      for (const plant of PLANTS) {
        const home = openHome();
        await mallory(`umask 0; ${plant}`, join(home, "token"));
        const why = failure(await victim(home)("start"));
        expect(why).toMatch(/belongs to user|symbolic link/);
        expect(why).not.toContain("known");
      }
    });

    test("a link to a file of the victim, in the place of any file that CCT writes, does not change its target", async () => {
      const names = ["cct.db", "cct.db-wal", "broker.json", "config.json", "token", "log/broker.log", "install.lock"];
      for (const name of names) {
        const home = openHome();
        const precious = join(tempFolder(), "precious");
        writeFileSync(precious, "precious\n", { mode: 0o644 });
        await mallory('umask 0; mkdir -p "$(dirname "$1")"; ln -s "$2" "$1"', join(home, name), precious);
        failure(await victim(home)("start"));
        expect([readFileSync(precious, "utf8"), lstatSync(precious).mode & 0o777]).toEqual(["precious\n", 0o644]);
      }
    });

    test("a hard link of the attacker does not show what is written later", async () => {
      const home = openHome();
      writeFileSync(join(home, "broker.json"), "{}\n", { mode: 0o600 });
      linkSync(join(home, "broker.json"), join(home, "../kept"));
      const broker = await spawnBroker({ home });
      expect(readFileSync(join(home, "../kept"), "utf8")).toBe("{}\n");
      await broker.stop("SIGTERM");
    });

    test("the broker file of a killed broker, whose pid and port the attacker now has, is not used", async () => {
      const first = await spawnBroker({ home: join(openFolder(0o755), "home") });
      await first.stop("SIGKILL");
      const { url, heard } = await trap();
      const path = join(first.home, "broker.json");
      const old = JSON.parse(readFileSync(path, "utf8"));
      writeFileSync(path, JSON.stringify({ ...old, pid: malloryStays().pid, url }));
      for (const words of LOOKS) await victim(first.home)(...words);
      expect(heard).toEqual([]);
    });

    test("what the attacker left in a session's spool is removed, and hooks neither follow it nor block on it", async () => {
      const broker = await spawnBroker({ home: join(openFolder(0o755), "home") });
      const precious = join(tempFolder(), "precious");
      writeFileSync(precious, "precious\n");
      const names = [
        "state",
        "session",
        "tool",
        "dialog",
        "woke",
        "stops",
        "told",
        "waiter",
        "batches",
        "server",
        "owner",
        "mail",
        "taken.x",
      ];
      for (const plant of ['ln -s "$2" "$1"', 'mkfifo -m 666 "$1"', 'umask 0; printf "idle\\n" >"$1"']) {
        const { pid = 0 } = malloryStays();
        const spool = join(broker.home, "spool", String(pid));
        // In a folder of his own first: now he cannot reach the home any more.
        const his = openFolder(0o777);
        for (const name of [...names, "poke.1"]) await mallory(plant, join(his, name), precious);
        mkdirSync(spool, { mode: 0o700 });
        for (const name of readdirSync(his)) renameSync(join(his, name), join(spool, name));
        const said = await hooksSay(broker.home, pid);
        for (const run of said) expect(run).toMatchObject({ status: 0, signal: null, stderr: "" });
        expect(JSON.stringify(said)).not.toContain("planted words");
        expect(readFileSync(precious, "utf8")).toBe("precious\n");
      }
      const host = await startHost(broker.home, "clean", {
        before: `mkdir -p "$CCT_HOME/spool/$$"; for name in ${names.join(" ")} poke.1; do ln -s '${precious}' "$CCT_HOME/spool/$$/$name"; done`,
      });
      await host.ready();
      const peer = await newPeer(broker, "writer");
      await ok(broker, "send_message", { to: "clean", text: "hello" }, peer);
      expect(await host.mail()).toContain("hello");
      expect((await host.given("PreToolUse", { tool_name: "Read" })).stdout).toContain("hello");
      expect(readFileSync(precious, "utf8")).toBe("precious\n");
      await host.end();
      rmSync(precious);
    });

    test("a spool or status file that is a link or pipe of the attacker is ignored", async () => {
      const broker = await spawnBroker({ home: join(openFolder(0o755), "home") });
      const { pid = 0 } = malloryStays();
      const his = openFolder(0o777);
      await mallory('umask 0; printf %s "$2" >"$1/mail"; : >"$1/state"', his, MAIL);
      symlinkSync(his, join(broker.home, "spool", String(pid)));
      const before = readFileSync(join(his, "state"), "utf8");
      expect(await hooksSay(broker.home, pid)).toEqual(silence);
      expect([readFileSync(join(his, "state"), "utf8"), readdirSync(his).sort()]).toEqual([before, ["mail", "state"]]);
      execFileSync("mkfifo", [join(broker.home, "flags", String(pid))]);
      expect(statusLine(broker.home, pid)).toBe("CCT:off");
    });
  });
});
