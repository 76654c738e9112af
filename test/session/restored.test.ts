/** A home that is replaced, by a backup for example, while sessions live. */
import { cpSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { isAlive } from "../../src/platform/process.ts";
import { ok } from "../support/api.ts";
import { startBroker } from "../support/broker.ts";
import { startHost, type TestHost } from "../support/host.ts";
import { until } from "../support/wait.ts";

test("a session that began after the backup lives on and gets mail under its name", async () => {
  const first = await startBroker();
  const { home } = first;
  await first.stop();
  const backup = `${home}.backup`;
  cpSync(home, backup, { recursive: true });
  const broker = await startBroker({ home });
  const ann = await startHost(home, "ann");
  await ann.ready();
  const pid = ann.serverPid();

  await broker.stop();
  renameSync(home, `${home}.old`);
  renameSync(backup, home);
  const restored = await startBroker({ home });
  await until("ann is registered again", async () =>
    (await ok(restored, "list_peers", {})).peers.some(({ name, presence }) => name === "ann" && presence !== "offline"),
  );
  expect(isAlive(pid)).toBe(true);
  await ok(restored, "send_message", { to: "ann", text: "after the restore" });
  expect(await ann.mail()).toContain("after the restore");
  expect((await ann.given("UserPromptSubmit")).stdout).toContain("after the restore");
  expect(ann.serverPid()).toBe(pid);
});

/** Waits until the session has its peer and has opened its mail: what is in the way before that is named by all tools. */
const registered = (host: TestHost): Promise<unknown> =>
  until("it is registered", async () => !(await host.tool("cct_list_peers")).isError);

test.each(["spool", "its own spool"])("a session whose folder was removed makes it again: %s", async (what) => {
  const broker = await startBroker();
  const ann = await startHost(broker.home, "ann");
  await registered(ann);
  rmSync(what === "spool" ? join(broker.home, "spool") : ann.spool, { recursive: true });
  await ok(broker, "send_message", { to: "ann", text: "still here" });
  expect(await ann.mail()).toContain("still here");
  expect((await ann.given("UserPromptSubmit")).stdout).toContain("still here");
});

test("a session with something else in the place of its mail goes on", async () => {
  const broker = await startBroker();
  const ann = await startHost(broker.home, "ann");
  await registered(ann);
  mkdirSync(join(ann.spool, "mail"));
  const { peers } = await ok(broker, "list_peers", {});
  expect(peers).toHaveLength(1);
  await ok(broker, "send_message", { to: "ann", text: "in the way" });
  expect(
    await until("the tool has it", async () => {
      const { text } = await ann.tool("cct_check_messages");
      return text.includes("in the way") && text;
    }),
  ).toContain("in the way");
});
