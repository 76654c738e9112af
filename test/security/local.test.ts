/** Another user of the same machine attacks a home in use, with real processes of that user. */
import { lstatSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { isAlive } from "../../src/platform/process.ts";
import { ok } from "../support/api.ts";
import { type BrokerProcess, spawnBroker } from "../support/broker.ts";
import { startHost, type TestHost } from "../support/host.ts";
import { notRun } from "../support/not-run.ts";
import { newPeer } from "../support/peers.ts";
import { until } from "../support/wait.ts";
import { canBeMallory, mallory, openFolder } from "./mallory.ts";
import { ALL, everything } from "./victim.ts";

describe.skipIf(!canBeMallory() && notRun(ALL, "needs Linux, root and setpriv"))(ALL, () => {
  describe("at a home in use", () => {
    let broker: BrokerProcess;
    let host: TestHost;
    const secrets: string[] = [];

    beforeAll(async () => {
      broker = await spawnBroker({ home: join(openFolder(0o755), "home") });
      host = await startHost(broker.home, "victim", { before: "umask 000" });
      await host.ready();
      const peer = await newPeer(broker, "friend");
      await ok(broker, "send_message", { to: "victim", text: "for the victim alone" }, peer);
      await host.mail();
      await host.hook("SessionStart");
      secrets.push(broker.token);
      for (const name of readdirSync(join(broker.home, "peers")))
        secrets.push(JSON.parse(readFileSync(join(broker.home, "peers", name), "utf8")).secret);
    });

    test("the attacker can read an open file beside the home, so the attacks below do reach it", async () => {
      writeFileSync(join(broker.home, "../open"), "open\n", { mode: 0o644 });
      expect((await mallory('cat "$1"', join(broker.home, "../open"))).stdout).toBe("open\n");
    });

    test("the attacker can read, list, write, link, move and remove nothing", async () => {
      const paths = everything(broker.home);
      expect(paths.length).toBeGreaterThan(12);
      const script = `for path do
        for tool in cat ls "head -c 1"; do $tool -- "$path" && echo "READ $path by $tool"; done
        { printf x >>"$path"; } && echo "WROTE $path"
        { printf x 1<>"$path"; } && echo "WROTE $path in place"
        ln "$path" "/tmp/stolen.$$" && echo "LINKED $path"
        mv -- "$path" "$path.gone" && echo "MOVED $path"
        rm -rf -- "$path" && echo "REMOVED $path"
        mkfifo "$path/poke.1" && echo "PIPE in $path"
      done 2>/dev/null`;
      expect((await mallory(script, ...paths)).stdout).toBe("");
      const left = new Set(everything(broker.home));
      // The session itself removes files from its spool, and temporary files of atomic writes.
      const removed = paths.filter((path) => !left.has(path) && !/\/spool\/|\/\.tmp\./.test(path));
      expect(removed).toEqual([]);
    });

    test("the broker says only that it runs, whatever token the attacker guesses", async () => {
      const script = `port=$1; shift
        ask() { exec 3<>"/dev/tcp/127.0.0.1/$port"; printf '%s %s HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\nConnection: close\\r\\n%sContent-Length: 2\\r\\nContent-Type: application/json\\r\\n\\r\\n{}' "$@" >&3; IFS=' ' read -r _ code _ <&3; cat <&3 >&2; exec 3>&-; printf '%s ' "$code"; }
        for path in /api/list_peers /api/messages /api/register /events /api/nothing; do
          method=POST; [[ $path == /events ]] && method=GET
          # Side by side: answers to wrong tokens come slowly.
          ask "$method" "$path" "" &
          for token in "" x 00000000000000000000000000000000 "$@"; do ask "$method" "$path" "Authorization: Bearer $token"$'\\r\\n' & done
        done
        wait
        ask GET /health ""`;
      const port = new URL(broker.url).port;
      const guesses = [broker.token.slice(1), `${broker.token}0`, [...broker.token].reverse().join("")];
      const { stdout, stderr } = await mallory(script, port, ...guesses);
      const codes = stdout.trim().split(" ");
      expect(codes.pop()).toBe("200");
      expect(codes).toHaveLength(5 * 7);
      expect(new Set(codes)).toEqual(new Set(["401"]));
      for (const secret of [...secrets, broker.home, "victim", "friend"]) expect(stderr).not.toContain(secret);
    });

    test("no process shows a secret in its command line, or its environment to the attacker", async () => {
      const waiter = host.hook("Waiter");
      let waiterPid = 0;
      // Broker, host, session server, waiter. Short-lived children, such as git, may end at any moment.
      const shown = await until("the four processes", () => {
        const found = new Map<string, string>();
        for (const pid of readdirSync("/proc")) {
          const [command, environment] = [readOfProcess(pid, "cmdline"), readOfProcess(pid, "environ")];
          if (command !== undefined && environment?.includes(`CCT_HOME=${broker.home}\0`))
            found.set(pid, command + environment);
        }
        const pipe = readdirSync(host.spool).find((name) => name.startsWith("poke."));
        waiterPid = Number(pipe?.slice(5));
        return found.has(String(waiterPid)) && found.size >= 4 && found;
      });
      for (const text of shown.values()) for (const secret of secrets) expect(text).not.toContain(secret);
      const look = 'for pid do cat "/proc/$pid/environ" && echo READ; kill -0 "$pid" && echo KILLED; done 2>/dev/null';
      expect((await mallory(look, ...shown.keys())).stdout).toBe("");
      // It may have woken the session with mail and ended meanwhile.
      if (isAlive(waiterPid)) process.kill(waiterPid, "SIGKILL");
      await waiter;
    });

    test("all files are readable by their owner only, although the session started with umask 000", () => {
      const open = everything(broker.home).filter((path) => {
        const stat = lstatSync(path, { throwIfNoEntry: false });
        return stat && (stat.mode & 0o777) !== (stat.isDirectory() ? 0o700 : 0o600);
      });
      expect(open).toEqual([]);
    });
  });
});

/** A file in /proc; `undefined` if there is no such process (any more). */
function readOfProcess(pid: string, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1");
  } catch {
    return undefined;
  }
}
