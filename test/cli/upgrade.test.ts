/** A new version of CCT beside one that runs: brokers and plugins that are older are replaced, newer ones stay. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { root, tempFolder } from "../support/folders.ts";
import { startHost, type TestHost } from "../support/host.ts";
import { newMessageId } from "../support/peers.ts";
import { until } from "../support/wait.ts";
import { endBrokerOf, newPerson, type Person } from "./person.ts";

const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const OLD = "0.0.1";
const NEW = "99.0.0";

const packages = new Map<string, string>();

/** This program under another version. */
function packageOf(version: string): string {
  const folder = join(tempFolder(), version);
  mkdirSync(folder);
  for (const part of ["dist", "plugin", "migrations"])
    cpSync(join(root, part), join(folder, part), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ ...manifest, version }));
  return folder;
}

beforeAll(() => {
  for (const one of [OLD, NEW]) packages.set(one, packageOf(one));
});

const programOf = (version: string): string => packages.get(version) ?? root;

async function personWith(version: string): Promise<Person> {
  const person = newPerson();
  endBrokerOf(person);
  expect(await person.cctWith({ package: programOf(version) }, "start")).toMatchObject({ code: 0, stderr: "" });
  return person;
}

async function status(person: Person): Promise<{ pid: number; version: string }> {
  return JSON.parse((await person.cct("status", "--json")).stdout);
}

/** A session whose server is of that version. */
function session(person: Person, name: string, version: string): Promise<TestHost> {
  const program = join(root, "dist/bin.js");
  const other = join(programOf(version), "dist/bin.js");
  return startHost(person.cctHome, name, {
    within: ([shell = "", ...words]) => [shell, words.map((word) => (word === program ? other : word))],
  });
}

/** Calls this home's broker, wherever it is now. */
async function call(person: Person, name: string, input: object): Promise<Record<string, unknown>> {
  const { url } = JSON.parse(readFileSync(join(person.cctHome, "broker.json"), "utf8"));
  const authorization = `Bearer ${readFileSync(join(person.cctHome, "token"), "utf8").trim()}`;
  const headers = { "content-type": "application/json", authorization };
  const answer = await fetch(`${url}/api/${name}`, { method: "POST", headers, body: JSON.stringify(input) });
  if (!answer.ok) throw new Error(await answer.text());
  return (await answer.json()) as Record<string, unknown>;
}

test("up replaces an older broker: what is sent meanwhile arrives once, and sessions move over", async () => {
  const person = await personWith(OLD);
  const before = await status(person);
  expect(before.version).toBe(OLD);
  const [reader, mover] = [await session(person, "reader", OLD), await session(person, "mover", OLD)];
  for (const one of [reader, mover]) await one.ready();
  const server = mover.serverPid();

  const accepted: string[] = [];
  let isOver = false;
  async function keepSending(who: number): Promise<void> {
    for (let n = 0; !isOver && n < 60; n++) {
      const message = { to: "reader", text: `load ${who} ${n}`, urgency: "low", message_id: newMessageId() };
      await until("the message is accepted", () =>
        call(person, "send_message", message).then(
          () => true,
          () => false,
        ),
      );
      accepted.push(message.text);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  const load = Promise.all([1, 2, 3].map(keepSending));
  await until("some are sent", () => accepted.length > 10);
  const { code, stdout } = await person.cct("up");
  expect(code).toBe(0);
  const sentBefore = accepted.length;
  await until("more are sent", () => accepted.length > sentBefore + 5 || accepted.length === 180);
  isOver = true;
  await load;

  expect(stdout).toContain("Broker: replaced");
  expect(stdout).toContain(`It replaces one of version ${OLD}, and is ${version}.`);
  const after = await status(person);
  expect(after.version).toBe(version);
  expect(after.pid).not.toBe(before.pid);
  const { messages } = (await call(person, "messages", { limit: 500 })) as { messages: { text: string }[] };
  expect(messages.map(({ text }) => text).sort()).toEqual(accepted.toSorted());
  await call(person, "send_message", { to: "mover", text: "after the update" });
  expect(await mover.mail()).toContain("after the update");
  expect(mover.serverPid()).toBe(server);
});

/** Another version's files in the place of a package's: chunks have other names. */
function renameChunks(folder: string): void {
  const dist = join(folder, "dist");
  const isModule = (name: string) => name.endsWith(".mjs");
  const chunks = readdirSync(join(dist, "chunks")).filter(isModule);
  const renamed = (name: string) => name.replace(/\.mjs$/, "OTHER.mjs");
  const files = [...readdirSync(dist).filter(isModule), ...chunks.map((name) => join("chunks", name))];
  for (const file of files) {
    const text = readFileSync(join(dist, file), "utf8");
    writeFileSync(
      join(dist, file),
      chunks.reduce((all, name) => all.replaceAll(`/${name}"`, `/${renamed(name)}"`), text),
    );
  }
  for (const name of chunks) renameSync(join(dist, "chunks", name), join(dist, "chunks", renamed(name)));
}

test("a session whose package is replaced sends nothing unchecked while its files are away, and works on with the new ones", async () => {
  const person = await personWith(version);
  const own = packageOf(version);
  packages.set("own", own);
  const ann = await session(person, "ann", "own");
  await ann.ready();
  const say = (text: string) => ann.tool("cct_send_message", { to: "operator", text });

  renameSync(join(own, "dist"), join(own, "away"));
  const refused = await say("too early");
  expect(refused.isError).toBe(true);
  expect(refused.text).toContain("Not sent: the part of CCT that looks for keys in a text cannot be loaded");
  expect(refused.text).toContain("Try again");
  // What needs no other file works.
  expect((await ann.tool("cct_list_peers")).text).toContain("you: ann");

  renameSync(join(own, "away"), join(own, "dist"));
  renameChunks(own);
  // Two at once: the first of them loads the part.
  const both = await Promise.all([say("first"), say("second")]);
  for (const { text } of both) expect(text).toContain("queued for operator");
  const { messages } = (await call(person, "messages", { limit: 10 })) as { messages: { text: string }[] };
  expect(messages.map(({ text }) => text).sort()).toEqual(["first", "second"]);
  // The part that was loaded is the new one, and it does its work.
  const key = `ghp_${"a1B2c3D4e5F6".repeat(3)}`;
  expect((await say(key)).text).toContain("it contains what looks like a key");
});

test("up, start and status leave a newer broker, and say so", async () => {
  const person = await personWith(NEW);
  const { pid } = await status(person);
  for (const command of ["start", "up", "status"]) {
    const { code, stdout } = await person.cct(command);
    expect(code).toBe(0);
    expect(stdout).toContain(`The broker is of version ${NEW}, and this command of ${version}. A newer broker stays`);
  }
  const reader = await session(person, "reader", version);
  await reader.ready();
  expect(await status(person)).toMatchObject({ pid, version: NEW });
});

test("status says that an older broker can be replaced, and start replaces it", async () => {
  const person = await personWith(OLD);
  expect((await person.cct("status")).stdout).toContain(
    `version ${OLD}, older than this command (${version}). To replace it: cct up`,
  );
  expect((await person.cct("start")).stdout).toContain(`It replaces one of version ${OLD}`);
  expect((await status(person)).version).toBe(version);
});

test("new sessions replace an older broker once, also several at the same time", async () => {
  const person = await personWith(OLD);
  const names = ["one", "two", "three"];
  const sessions = await Promise.all(names.map((name) => session(person, name, version)));
  await Promise.all(sessions.map((one) => one.ready()));
  const { pid } = await status(person);
  const [first] = sessions;
  for (const name of names) await call(person, "send_message", { to: name, text: `for ${name}` });
  for (const [i, one] of sessions.entries()) expect(await one.mail()).toContain(`for ${names[i]}`);
  expect(first?.stderr()).toBe("");
  expect(await status(person)).toMatchObject({ pid, version });
});

test("up renews an older plugin, and tells each running session once", async () => {
  const person = await personWith(OLD);
  const env = { CLAUDE_CONFIG_DIR: join(person.home, ".claude") };
  expect((await person.cctWith({ package: programOf(OLD), env }, "install")).code).toBe(0);
  const running = await session(person, "running", OLD);
  await running.ready();
  await running.hook("SessionStart");
  const { stdout } = await person.cctWith({ env }, "up");
  expect(stdout).toContain(
    `It replaces version ${OLD}, and is ${version}. 1 running session told: they keep ${OLD} until they end.`,
  );
  const told = JSON.parse((await running.hook("UserPromptSubmit")).stdout);
  expect(told.systemMessage).toMatch(`CCT was updated from ${OLD} to ${version}. This session keeps ${OLD}`);
  expect((await running.hook("UserPromptSubmit")).stdout).toBe("");
  const again = await person.cctWith({ env }, "up");
  expect(again.stdout).not.toContain("It replaces");
  expect((await running.hook("UserPromptSubmit")).stdout).toBe("");
  expect(existsSync(join(person.home, ".claude/skills/cct/bin/cct"))).toBe(true);
  // An older program takes nothing back.
  const older = await person.cctWith({ package: programOf(OLD), env }, "up");
  expect(older.stdout).toContain(`version ${version} stays, and this command is ${OLD}. Update this command.`);
  const refused = await person.cctWith({ package: programOf(OLD), env }, "install");
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining(`Version ${version} of CCT is installed`) });
  const manifest = readFileSync(join(person.home, ".claude/skills/cct/.claude-plugin/plugin.json"), "utf8");
  expect(JSON.parse(manifest)).toMatchObject({ version });
});
