/** CCT's plugin for OpenCode with real session servers, and a stand-in for OpenCode that calls its hooks. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { plugin } from "../../src/opencode/main.ts";
import { ok } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { atEnd } from "../support/cleanup.ts";
import { root } from "../support/folders.ts";
import { until } from "../support/wait.ts";

type Hook = (input: object, output?: object) => Promise<void>;
type Part = { text: string; synthetic?: boolean };

/** `parents`: of subagents. */
async function open(broker: TestBroker, parents: Record<string, string> = {}) {
  const rings: Record<string, unknown>[] = [];
  const client = {
    session: {
      get: ({ path: { id } }: { path: { id: string } }) => Promise.resolve({ data: { id, parentID: parents[id] } }),
      promptAsync: ({ path, body }: { path: object; body: object }) => {
        rings.push({ ...path, ...body });
        return Promise.resolve({});
      },
    },
  };
  const env = { PATH: process.env.PATH, HOME: join(broker.home, ".."), CCT_HOME: broker.home, CCT_NAME: "ann" };
  const start = { node: process.execPath, root, process: { argv: ["opencode"], env } };
  const hooks = await plugin({ client, directory: root }, start);
  atEnd(() => hook("dispose")({}));
  const hook = (name: string): Hook => hooks[name] as Hook;
  const sessionID = "ses_1";
  let messages = 0;
  return {
    rings,
    hook,
    /** A prompt; returns what stands in it then. */
    async prompt(text: string, session = sessionID, shape: (parts: unknown) => unknown = (parts) => parts) {
      const id = `msg_${++messages}`;
      const parts: Part[] = [{ ...{ id: `prt_${messages}`, type: "text" }, text }];
      const message = { id, agent: "plan", model: { providerID: "p", modelID: "m" } };
      await hook("chat.message")({ sessionID: session }, { message, parts: shape(parts) });
      return parts;
    },
    async afterTool<T extends object>(output: T, session = sessionID): Promise<T> {
      await hook("tool.execute.after")({ tool: "bash", sessionID: session, callID: "c" }, output);
      return output;
    },
    asks: () => hook("experimental.chat.messages.transform")({}, { messages: [{ info: { sessionID }, parts: [] }] }),
    ends: () => hook("event")({ event: { type: "session.idle", properties: { sessionID } } }),
    ready: () =>
      until("it is a peer", async () =>
        (await ok(broker, "list_peers", {})).peers.find(
          ({ name, presence }) => name === "ann" && presence !== "offline",
        ),
      ),
  };
}

const mailWaits = ({ home }: TestBroker) =>
  until("mail waits for a hook", () =>
    readdirSync(join(home, "spool"), { recursive: true }).some((name) => String(name).endsWith("/mail")),
  );
const stateOf = async (broker: TestBroker, message_id: string) =>
  (await ok(broker, "message_status", { message_id })).recipients[0]?.state;
const sendTo = async (broker: TestBroker, text: string) => {
  const { message_id } = await ok(broker, "send_message", { to: "ann", text });
  await mailWaits(broker);
  return message_id;
};

test("mail stands beside a tool's result, and is read when the model was asked twice", async () => {
  const broker = await startBroker();
  const ann = await open(broker);
  await ann.prompt("go");
  expect(await ann.ready()).toMatchObject({ agent: "opencode" });
  const id = await sendTo(broker, "for the tool");
  const { output } = await ann.afterTool({ title: "", output: "result", metadata: {} });
  expect(output).toMatch(/^result\n\nCCT mail · [\s\S]*\| for the tool/);
  await ann.asks();
  await until("it is delivered", async () => (await stateOf(broker, id)) === "delivered");
  await ann.asks();
  await until("it is read", async () => (await stateOf(broker, id)) === "read");
});

test("where the shape is not known no mail is taken, no hook fails, and a known one brings it", async () => {
  const broker = await startBroker();
  const ann = await open(broker);
  await ann.prompt("go");
  await ann.ready();
  const id = await sendTo(broker, "not lost");
  for (const output of [{}, { output: 7 }, { result: "text" }, { content: "text" }]) await ann.afterTool(output);
  for (const shape of [() => undefined, () => [], () => [{ id: 7 }], () => ({})])
    await ann.prompt("hm", "ses_1", shape);
  for (const name of ["event", "shell.env", "tool.definition", "experimental.chat.messages.transform"])
    for (const input of [{}, { event: 1 }, { sessionID: {} }]) await ann.hook(name)(input, { messages: 3 });
  expect(await stateOf(broker, id)).toBe("claimed");
  const { content } = await ann.afterTool({ content: [{ type: "text", text: "of a server" }] });
  expect(content.map(({ text }) => text).join("\n")).toMatch(/\| not lost[\s\S]*of a server/);
});

test("an idle session is woken with the agent of its last prompt; where that brings no mail, not for ever", async () => {
  const broker = await startBroker();
  const ann = await open(broker);
  await ann.prompt("go");
  await ann.ready();
  await ann.ends();
  await ok(broker, "send_message", { to: "ann", text: "wake up" });
  await until("it rings", () => ann.rings.length === 1);
  expect(ann.rings[0]).toMatchObject({ id: "ses_1", agent: "plan", parts: [{ text: "New CCT mail" }] });
  // A version that has another shape.
  await ann.prompt("New CCT mail", "ses_1", () => ({}));
  await ann.ends();
  await until("it rings again", () => ann.rings.length === 2);
  const parts = await ann.prompt("New CCT mail");
  expect(parts.map(({ text, synthetic }) => [text.split("\n")[1], synthetic])).toEqual([
    [undefined, undefined],
    ["| wake up", true],
  ]);
});

test("a subagent's hooks bring no mail, and its tools act for the session", async () => {
  const broker = await startBroker();
  const ann = await open(broker, { ses_sub: "ses_1" });
  await ann.prompt("go");
  const { peer_id } = await ann.ready();
  const id = await sendTo(broker, "for the main agent");
  expect(await ann.prompt("look", "ses_sub")).toHaveLength(1);
  expect(await ann.afterTool({ output: "result" }, "ses_sub")).toEqual({ output: "result" });
  const env = {};
  await ann.hook("shell.env")({ sessionID: "ses_sub" }, { env });
  expect(env).toEqual({ CCT_OPENCODE_SESSION: "ses_1" });
  expect(await stateOf(broker, id)).toBe("claimed");
  expect((await ok(broker, "list_peers", {})).peers.map((one) => one.peer_id)).toEqual([peer_id]);
});

test("a session server that was killed is started again with the next prompt, as the same peer", async () => {
  const broker = await startBroker();
  const ann = await open(broker);
  await ann.prompt("go");
  const { peer_id } = await ann.ready();
  const record = join(broker.home, "peers", `${peer_id}.json`);
  await until("its record is written", () => existsSync(record));
  const { host_pid } = JSON.parse(readFileSync(record, "utf8"));
  process.kill(host_pid, "SIGKILL");
  await until("a prompt starts another server, which registers", async () => {
    await ann.prompt("again");
    return JSON.parse(readFileSync(record, "utf8")).host_pid !== host_pid;
  });
  await until("it is the same peer", async () => (await ann.ready()).peer_id === peer_id);
});
