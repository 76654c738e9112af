/** `cct backup` and `cct restore`: what is copied, while a broker runs or not, and what a restore leaves. */
import { copyFileSync, existsSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { openSqlite } from "../../src/store/drivers/sqlite.ts";
import { ok, send } from "../support/api.ts";
import { refusedStart, spawnBroker, startBroker } from "../support/broker.ts";
import { type CctRun, cct, failure, success } from "../support/cct.ts";
import { onPostgres } from "../support/database.ts";
import { tempFolder } from "../support/folders.ts";
import { allTexts, newPeer } from "../support/peers.ts";

const run = (home: string, ...args: string[]): Promise<CctRun> =>
  cct(args, { env: { PATH: process.env.PATH, HOME: dirname(home), CCT_HOME: home } });

const texts = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => `${from + i} ${"x".repeat(1_000)}`);

describe.skipIf(onPostgres)("a backup", () => {
  test("of a running broker under load is complete as of one moment, private, and can be restored", async () => {
    const broker = await startBroker({ env: { CCT_SENDS_PER_MINUTE: "0", CCT_SENDS_PER_PAIR: "0" } });
    const { home } = broker;
    await newPeer(broker, "b");
    for (const text of texts(0, 50)) await ok(broker, "send_message", { to: "b", text });
    let over = false;
    let sent = 50;
    const load = (async () => {
      for (; !over; sent++) await ok(broker, "send_message", { to: "b", text: texts(sent, sent + 1)[0] ?? "" });
    })();
    const file = join(tempFolder(), "monday.db");
    const before = sent;
    const said = success(await run(home, "backup", file));
    over = true;
    await load;
    expect(said).toContain(`${file} is a complete copy of the database`);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(dirname(file))).toEqual(["monday.db"]);

    const all = await allTexts(broker);
    expect(all).toHaveLength(sent);
    await broker.stop();
    const kept =
      success(await run(home, "restore", file))
        .split("kept: ")[1]
        ?.split("\n")[0] ?? "";
    const restored = await startBroker({ home });
    const found = await allTexts(restored);
    // As of one moment: a beginning of what was sent, with all that was answered before the backup began.
    expect(found).toEqual(all.slice(0, found.length));
    expect(found.length).toBeGreaterThanOrEqual(before);
    await restored.stop();

    // And back to what was replaced.
    success(await run(home, "restore", kept));
    expect(await allTexts(await startBroker({ home }))).toEqual(all);
  });

  test("is made without a broker too", async () => {
    const broker = await spawnBroker();
    const peer = await newPeer(broker, "b");
    await ok(broker, "send_message", { to: "b", text: "here" });
    await broker.stop("SIGKILL");
    const file = join(tempFolder(), "copy.db");
    success(await run(broker.home, "backup", file));
    const other = await startBroker();
    await other.stop();
    success(await run(other.home, "restore", file));
    const store = await openSqlite(join(other.home, "cct.db"));
    // Else its next start, after another boot, would mark everything once more.
    expect(await store.read((sql) => sql("SELECT boot_id FROM boots"))).toEqual([]);
    await store.close();
    const restored = await startBroker({ home: other.home });
    expect(await allTexts(restored)).toEqual(["here"]);
    // It may have been shown since.
    const { messages } = await ok(restored, "check_messages", {}, peer);
    expect(messages).toMatchObject([{ text: "here", redelivered: true }]);
  });

  test("never overwrites a file, and only its own home may ask for it", async () => {
    const broker = await startBroker();
    const file = join(tempFolder(), "mine");
    writeFileSync(file, "mine");
    expect(failure(await run(broker.home, "backup", file))).toContain("exists");
    const { token } = await ok(broker, "add_device", { name: "laptop", scope: "admin" });
    expect((await send({ ...broker, token }, { method: "GET", path: "/backup" })).status).toBe(403);
  });
});

describe.skipIf(onPostgres)("a restore", () => {
  test("is refused while the broker runs, and for a file that is damaged, missing or something else", async () => {
    const broker = await startBroker();
    const { home } = broker;
    await newPeer(broker, "b");
    await ok(broker, "send_message", { to: "b", text: "here" });
    const file = join(tempFolder(), "good.db");
    success(await run(home, "backup", file));
    expect(failure(await run(home, "restore", file))).toContain("Stop it: cct kill");
    await broker.stop();
    const other = join(tempFolder(), "other");
    writeFileSync(other, "these are notes\n".repeat(1_000));
    expect(failure(await run(home, "restore", other))).toContain("not a database");
    expect(failure(await run(home, "restore", `${other}.missing`))).toContain("There is no");
    expect(readdirSync(home).filter((name) => name.startsWith("cct.db"))).toEqual(["cct.db"]);
    expect(await allTexts(await startBroker({ home }))).toEqual(["here"]);
  });

  test("by hand beside the log of a killed broker is refused instead of mixed, and cct restore solves it", async () => {
    const broker = await spawnBroker();
    const { home } = broker;
    await newPeer(broker, "b");
    await ok(broker, "send_message", { to: "b", text: "in the backup" });
    const file = join(tempFolder(), "old.db");
    success(await run(home, "backup", file));
    await ok(broker, "send_message", { to: "b", text: "later" });
    await broker.stop("SIGKILL");
    copyFileSync(file, join(home, "cct.db"));
    const refused = await refusedStart({ home });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/was replaced, but the log beside it .*cct restore/);
    success(await run(home, "restore", file));
    expect(await allTexts(await startBroker({ home }))).toEqual(["in the backup"]);
  });

  test("by hand of a copy that was made while no broker ran is refused as well", async () => {
    const first = await spawnBroker();
    const { home } = first;
    await newPeer(first, "b");
    await first.stop();
    const copy = join(tempFolder(), "copy.db");
    copyFileSync(join(home, "cct.db"), copy);
    const second = await spawnBroker({ home });
    await ok(second, "send_message", { to: "b", text: "later" });
    await second.stop("SIGKILL");
    copyFileSync(copy, join(home, "cct.db"));
    expect((await refusedStart({ home })).stderr).toContain("belongs to the database that was there before");
  });

  test("that was interrupted keeps brokers away until it is repeated", async () => {
    const broker = await startBroker();
    const { home } = broker;
    await newPeer(broker, "b");
    await ok(broker, "send_message", { to: "b", text: "here" });
    const file = join(tempFolder(), "good.db");
    success(await run(home, "backup", file));
    await broker.stop();
    copyFileSync(file, join(home, "cct.db.restoring"));
    expect((await refusedStart({ home })).stderr).toContain("run it again: cct restore");
    success(await run(home, "restore", file));
    expect(existsSync(join(home, "cct.db.restoring"))).toBe(false);
    expect(await allTexts(await startBroker({ home }))).toEqual(["here"]);
  });
});
