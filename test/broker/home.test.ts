import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { openSqlite } from "../../src/store/drivers/sqlite.ts";
import { ok } from "../support/api.ts";
import { type BrokerOptions, refusedStart, spawnBroker, startBroker } from "../support/broker.ts";
import { onPostgres } from "../support/database.ts";
import { tempFolder, tempHome } from "../support/folders.ts";
import { canMount, isRoot, notRun, withOwnDisk } from "../support/not-run.ts";
import { newPeer } from "../support/peers.ts";

const mode = (path: string): string => (lstatSync(path).mode & 0o777).toString(8);

/** A folder and every path below it. */
function everything(folder: string): string[] {
  return [folder, ...readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => join(folder, name))];
}

function expectPrivate(home: string): void {
  const open = everything(home).filter((path) => mode(path) !== (statSync(path).isDirectory() ? "700" : "600"));
  expect(open).toEqual([]);
}

/** A refusal to start: exit code 1, and one line that says what is wrong and what to do. */
async function expectRefused(home: string, words: string | RegExp): Promise<void> {
  const refused = await refusedStart({ home });
  expect(refused).toMatchObject({ code: 1, stdout: "" });
  expect(refused.stderr).toMatch(words);
  expect(refused.stderr.trim().split("\n")).toHaveLength(1);
  expect(refused.stderr).not.toMatch(/ at .*:\d+:\d+/);
}

/** Why a broker does not start. How the process says so and ends is the same for all: see `expectRefused`. */
const refusal = (options: BrokerOptions): Promise<string> =>
  startBroker(options).then(
    () => Promise.reject(new Error("the broker has started")),
    (error: Error) => error.message,
  );

describe("the home", () => {
  test("is created for its owner only, with everything in it", async () => {
    const broker = await spawnBroker();
    await newPeer(broker, "somebody");
    await ok(broker, "send_message", { to: "somebody", text: "private" });
    expectPrivate(broker.home);
  });

  test("that others can read is corrected, with everything in it", async () => {
    const first = await spawnBroker();
    await first.stop();
    for (const path of everything(first.home)) chmodSync(path, 0o777);
    const second = await spawnBroker({ home: first.home });
    expectPrivate(second.home);
  });

  test("that is a symbolic link is refused", async () => {
    const folder = tempFolder();
    mkdirSync(join(folder, "real"));
    symlinkSync(join(folder, "real"), join(folder, "home"));
    await expectRefused(join(folder, "home"), "symbolic link");
    expect(readdirSync(join(folder, "real"))).toEqual([]);
  });

  test.each(["spool", "pidmaps", "peers", "log", "outbox"])(
    "with a symbolic link for %s is refused, and the link's target stays unchanged",
    async (name) => {
      const home = tempHome();
      const target = join(dirname(home), "target");
      mkdirSync(home, { mode: 0o700 });
      mkdirSync(target);
      chmodSync(target, 0o755);
      symlinkSync(target, join(home, name));
      expect(await refusal({ home })).toContain("symbolic link");
      expect([readdirSync(target), mode(target)]).toEqual([[], "755"]);
    },
  );

  test.each(["token", "cct.db", "config.json", "broker.json"])(
    "with a symbolic link for %s is refused, and the link's target stays unchanged",
    async (name) => {
      const home = tempHome();
      const target = join(dirname(home), "target");
      mkdirSync(home, { mode: 0o700 });
      writeFileSync(target, "{}");
      chmodSync(target, 0o644);
      symlinkSync(target, join(home, name));
      expect(await refusal({ home })).toContain("symbolic link");
      expect([readFileSync(target, "utf8"), mode(target)]).toEqual(["{}", "644"]);
    },
  );

  test("that is a file is refused", async () => {
    const home = tempHome();
    writeFileSync(home, "not a folder");
    await expectRefused(home, home);
    expect(readFileSync(home, "utf8")).toBe("not a folder");
  });

  const FOREIGN = "a home that belongs to another user is refused";
  test.skipIf(!isRoot && notRun(FOREIGN, "needs root"))("that belongs to another user is refused", async () => {
    const home = tempHome();
    mkdirSync(home, { mode: 0o700 });
    chownSync(home, 12345, 12345);
    await expectRefused(home, "12345");
    expect(readdirSync(home)).toEqual([]);
  });

  const FOREIGN_FILE = "a home with a file of another user is refused";
  test.skipIf(!isRoot && notRun(FOREIGN_FILE, "needs root"))("with a file of another user is refused", async () => {
    const home = tempHome();
    mkdirSync(home, { mode: 0o700 });
    writeFileSync(join(home, "token"), "planted\n");
    chownSync(join(home, "token"), 12345, 12345);
    await expectRefused(home, "12345");
  });

  const READ_ONLY = "a home that cannot be written to is refused";
  test.skipIf(!canMount() && notRun(READ_ONLY, "needs Linux, root and mount namespaces"))(
    "that cannot be written to is refused",
    async () => {
      const home = tempHome();
      mkdirSync(home, { mode: 0o700 });
      const script = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"';
      const refused = await refusedStart({
        home,
        within: (command) => ["unshare", ["-m", "--propagation", "private", "sh", "-c", script, home, ...command]],
      });
      expect(refused).toMatchObject({ code: 1, stdout: "" });
      expect(refused.stderr).toContain(home);
      expect(refused.stderr.trim().split("\n")).toHaveLength(1);
    },
  );

  const TURNED = "a broker whose home becomes read-only ends when it is asked to";
  test.skipIf(!canMount() && notRun(TURNED, "needs Linux, root and mount namespaces"))(
    "that becomes read-only keeps no broker from ending",
    async () => {
      const home = tempHome();
      const broker = await spawnBroker({ home, within: (command) => withOwnDisk(dirname(home), "8m", command) });
      const script = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0"';
      execFileSync("nsenter", ["-t", String(broker.pid), "-m", "sh", "-c", script, home]);
      const { signal } = await broker.stop("SIGTERM");
      expect(signal).toBe(null);
    },
  );
});

describe.skipIf(onPostgres)("the database", () => {
  test("that is damaged prevents the start, and is not changed", async () => {
    const first = await startBroker();
    await newPeer(first, "somebody");
    await first.stop();
    const file = join(first.home, "cct.db");
    const damaged = readFileSync(file);
    damaged.fill(0x5a, 0, 4096);
    writeFileSync(file, damaged);
    await expectRefused(first.home, file);
    expect(readFileSync(file).equals(damaged)).toBe(true);
  });

  test("that is another file prevents the start, and is not changed", async () => {
    const home = tempHome();
    mkdirSync(home, { mode: 0o700 });
    const file = join(home, "cct.db");
    writeFileSync(file, "dear diary\n".repeat(1000));
    await expectRefused(home, file);
    expect(readFileSync(file, "utf8")).toBe("dear diary\n".repeat(1000));
  });

  test("that is a folder prevents the start with a clear error", async () => {
    const home = tempHome();
    mkdirSync(join(home, "cct.db"), { recursive: true, mode: 0o700 });
    await expectRefused(home, /cct\.db.*(cannot be opened|damaged|not a database)/);
  });

  test("of a newer program prevents the start, and is not changed", async () => {
    const first = await startBroker();
    await newPeer(first, "somebody");
    await first.stop();
    const store = await openSqlite(join(first.home, "cct.db"));
    await store.tx((sql) =>
      sql("INSERT INTO schema_migrations (version, name, applied_at, breaking) VALUES (9999, 'newer', 1, 1)"),
    );
    await store.close();
    await expectRefused(first.home, /9999.*newer version of CCT/);
    const again = await openSqlite(join(first.home, "cct.db"));
    const applied = await again.tx((sql) => sql("SELECT max(version) AS version FROM schema_migrations"));
    await again.close();
    expect(applied).toEqual([{ version: 9999 }]);
  });
});

describe("an invalid setting prevents the start, and is named with its place", () => {
  test.each([
    [{ CCT_PORT: "99999" }, "CCT_PORT"],
    [{ CCT_PORT: "http" }, "CCT_PORT"],
    [{ CCT_DELIVERY: "pigeon" }, "CCT_DELIVERY"],
  ])("%j", async (env, name) => {
    expect(await refusal({ env })).toContain(name);
  });

  test.each(["{", "[]", '{"prot": 1}', '{"port": "x"}'])("config.json with %s", async (content) => {
    const home = tempHome();
    mkdirSync(home, { mode: 0o700 });
    writeFileSync(join(home, "config.json"), content);
    expect(await refusal({ home })).toContain("config.json");
    expect(readFileSync(join(home, "config.json"), "utf8")).toBe(content);
  });
});
