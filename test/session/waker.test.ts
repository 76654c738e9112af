/** A host that is woken through an inbox of its own: what its receipts, and its hooks in any order, say about the mail. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Woken } from "../../src/hosts/host.ts";
import { qwen } from "../../src/hosts/qwen.ts";
import { scriptFor } from "../../src/hosts/script.ts";
import { prepareHome } from "../../src/platform/home.ts";
import { writeSpool } from "../../src/rules/spoolfile.ts";
import { openSpool } from "../../src/session/spool.ts";
import { createWaker } from "../../src/session/waker.ts";
import { root, tempHome } from "../support/folders.ts";

const mail = writeSpool({ urgency: "normal", mode: "inject", late: false, nowake: false, claims: [] }, "the text");

/** An idle session, to which mail is sent at once. Its inbox says nothing before the test does. */
function session() {
  const home = tempHome();
  prepareHome(home, process.getuid?.() ?? 0, true);
  const script = join(home, "mail.sh");
  writeFileSync(script, scriptFor(readFileSync(join(root, "plugin/hooks/mail.sh"), "utf8"), qwen));
  let [now, id] = [0, 0];
  const me = { pid: process.pid, newId: () => `id${id++}`, steady: () => now, env: {} };
  const spool = openSpool(home, process.pid, me);
  spool.writeState("idle", home);
  spool.write("session", "one");
  const given: (string | undefined)[] = [];
  let receipt = (_what: Woken): void => {};
  const waker = createWaker(
    me,
    (_world, _conversation, take) => {
      given.push(take());
      return new Promise((resolve) => {
        receipt = resolve;
      });
    },
    spool,
  );
  return {
    spool,
    given,
    rests: waker.rests,
    look: waker.look,
    send() {
      spool.put(mail);
      waker.look();
    },
    async receipt(what: Woken) {
      receipt(what);
      await new Promise((resolve) => setImmediate(resolve));
    },
    /** Runs a hook, whose parent this process is. */
    hook(event: string) {
      execFileSync("bash", [script, event], { env: { CCT_HOME: home, PATH: process.env.PATH }, stdio: "ignore" });
      waker.look();
    },
    later(ms: number) {
      now += ms;
    },
    stages: () => readdirSync(spool.folder).flatMap((name) => /^(taken|done|seen|read)\./.exec(name)?.[1] ?? []),
  };
}

test("a session that took mail works until its turn ends, and has read it then", async () => {
  const ann = session();
  ann.send();
  expect([ann.given, ann.spool.state(), ann.stages()]).toEqual([["the text"], "active", ["taken"]]);
  await ann.receipt("queued");
  expect([ann.spool.state(), ann.stages()]).toEqual(["active", ["done"]]);
  ann.hook("Stop");
  expect([ann.spool.state(), ann.stages()]).toEqual(["idle", ["read"]]);
});

test("a turn that ends before its receipt comes has read the mail as well", async () => {
  const ann = session();
  ann.send();
  ann.hook("Stop");
  expect(ann.stages()).toEqual(["taken"]);
  await ann.receipt("queued");
  expect([ann.spool.state(), ann.stages()]).toEqual(["idle", ["read"]]);
});

test("mail that a prompt overtakes counts as shown when that turn is over, and as read after its own", async () => {
  const ann = session();
  ann.send();
  ann.hook("UserPromptSubmit");
  await ann.receipt("queued");
  ann.hook("PostToolBatch");
  expect(ann.stages()).toEqual(["taken"]);
  ann.hook("Stop");
  expect(ann.stages()).toEqual(["done"]);
  ann.hook("Stop");
  expect(ann.stages()).toEqual(["read"]);
});

test("mail that a prompt and its end overtake is not read before another hook says so", async () => {
  const ann = session();
  ann.send();
  ann.hook("UserPromptSubmit");
  ann.hook("Stop");
  await ann.receipt("queued");
  expect(ann.stages()).toEqual(["done"]);
});

test("mail for a conversation that is over when its turn comes is not shown", async () => {
  const ann = session();
  ann.send();
  ann.hook("UserPromptSubmit");
  await ann.receipt("queued");
  ann.spool.write("session", "two");
  ann.hook("Stop");
  expect(ann.stages()).toEqual(["taken"]);
});

test("a host that confirms nothing is left alone for a while, and longer the next time", async () => {
  const ann = session();
  for (const [round, pause] of [5_000, 10_000, 20_000].entries()) {
    ann.send();
    expect(ann.given).toHaveLength(round + 1);
    await ann.receipt("lost");
    expect([ann.spool.state(), ann.rests()]).toEqual(["idle", true]);
    ann.later(pause - 1);
    expect(ann.rests()).toBe(true);
    ann.later(1);
    expect(ann.rests()).toBe(false);
  }
  ann.send();
  await ann.receipt("queued");
  ann.hook("Stop");
  ann.send();
  await ann.receipt("lost");
  ann.later(5_000);
  expect(ann.rests()).toBe(false);
});

test("a host whose user keeps mail away is left alone for minutes", async () => {
  const ann = session();
  ann.send();
  await ann.receipt("refused");
  expect([ann.spool.state(), ann.stages()]).toEqual(["idle", ["taken"]]);
  ann.later(299_999);
  expect(ann.rests()).toBe(true);
});

test("neither a session that works nor low mail goes into the inbox", () => {
  const ann = session();
  ann.spool.put(writeSpool({ urgency: "low", mode: "inject", late: false, nowake: false, claims: [] }, "low"));
  ann.look();
  ann.hook("UserPromptSubmit");
  ann.send();
  expect(ann.given).toEqual([]);
});
