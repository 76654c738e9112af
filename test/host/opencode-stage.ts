/** The real OpenCode with CCT's plugin and a scripted model, in a network of its own. */
import { execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type Machine, root } from "./needs.ts";
import { openNetwork } from "./network.ts";
import { openTerminals } from "./terminals.ts";
import { until } from "./wait.ts";

export interface Turn {
  text?: string;
  tools?: { name: string; input: object }[];
  /** The answer comes when this gate is open. */
  gate?: string;
}

interface Request {
  who: string;
  at: number;
  messages: { role: string; content: string }[];
}

/** Its network has all ports to itself. */
const PORT = "8793";
/** One start of the program on a loaded machine, with all that it does before it shows a prompt. */
export const START_S = 300;

export const newWord = (about: string): string => `${about}${randomBytes(4).toString("hex")}`;

export async function openOpencodeStage(needs: Machine & { opencode: string; plugins: string }) {
  const folder = mkdtempSync(join(tmpdir(), "cct-opencode-"));
  const at = (...names: string[]): string => join(folder, ...names);
  const env: Record<string, string> = {
    PATH: [dirname(process.execPath), "/usr/bin", "/bin"].join(":"),
    HOME: at("home"),
    TMPDIR: at("tmp"),
    TERM: "xterm-256color",
    LANG: "C.UTF-8",
    SHELL: "/bin/bash",
    OPENCODE_DISABLE_AUTOUPDATE: "1",
    OPENCODE_DISABLE_MODELS_FETCH: "1",
  };
  const config = at("home/.config/opencode");
  for (const name of [config, at("project"), at("api"), at("tmp")]) mkdirSync(name, { recursive: true });
  // Else it fetches this at each start, and waits for that.
  cpSync(needs.plugins, config, { recursive: true });
  const provider = {
    npm: "@ai-sdk/openai-compatible",
    name: "Scripted",
    options: { baseURL: `http://127.0.0.1:${PORT}/as/{env:WHO}/v1`, apiKey: "none-only-for-the-scripted-model" },
    models: { scripted: { name: "Scripted", limit: { context: 200_000, output: 8_000 } } },
  };
  const settings = { model: "scripted/scripted", small_model: "scripted/scripted", provider: { scripted: provider } };
  writeFileSync(join(config, "opencode.json"), JSON.stringify({ ...settings, autoupdate: false, share: "disabled" }));
  writeFileSync(at("api/log.jsonl"), "");
  writeFileSync(at("gate.sh"), ': >"$1.reached"; until [[ -e "$1" ]]; do sleep 0.05; done\n');
  const network = await openNetwork(needs);
  const terminals = await openTerminals(network, folder);
  const [program, args] = network.within([process.execPath, join(root, "test/host/qwen-api.mjs"), PORT, at("api")]);
  const api = spawn(program, args, { env, stdio: ["ignore", "pipe", "inherit"] });
  await once(api.stdout, "data");

  /** Runs a program as the person at this HOME. */
  function run(command: string[], { more = {}, input = "" } = {}): Promise<string> {
    const [first, words] = network.within(command);
    return new Promise((resolve, reject) => {
      const options = { env: { ...env, ...more }, cwd: at("project") };
      const child = execFile(first, words, options, (error, stdout, stderr) =>
        error ? reject(new Error(`${command.join(" ")}: ${stdout}${stderr}`)) : resolve(stdout),
      );
      child.stdin?.end(input);
    });
  }
  const cct = (...words: string[]): Promise<string> => run([process.execPath, join(root, "dist/bin.js"), ...words]);
  await cct("start");

  const requestsOf = (name: string): Request[] =>
    readFileSync(at("api/log.jsonl"), "utf8")
      .split("\n")
      // After the last end of a line, one may be half written.
      .slice(0, -1)
      .map((line) => JSON.parse(line))
      .filter(({ who }) => who === name);
  async function peerNamed(name: string) {
    const { peers } = JSON.parse(await cct("peers", "--all", "--json"));
    return peers.find((one: { name: string }) => one.name === name);
  }
  const isIdle = (name: string, instead = () => "") =>
    until(`${name} is idle`, async () => (await peerNamed(name))?.presence === "idle", { instead });
  /** Where a word stands in the first request that has it, exactly once. */
  async function given(name: string, word: string, instead = () => "") {
    const found = await until(
      `${name} is given ${word}`,
      () => requestsOf(name).find(({ messages }) => messages.some(({ content }) => content.includes(word))),
      { instead },
    );
    const places = found.messages.filter(({ content }) => content.includes(word));
    const times = places.map(({ content }) => content.split(word).length - 1);
    if (times.join() !== "1") throw new Error(`${word} stands there ${times.join(" and ")} times`);
    return { role: places[0]?.role, text: places[0]?.content ?? "", at: found.at };
  }

  /** What the model is to do, as a prompt. */
  function scriptOf(turns: Turn[]): string {
    const name = newWord("s");
    writeFileSync(at("api", `${name}.json`), JSON.stringify(turns));
    return `PLAY ${name}`;
  }

  /** A terminal of its own process. */
  async function start(name: string, ...args: string[]) {
    const words = Object.entries({ ...env, WHO: name, CCT_NAME: name }).map(([key, value]) => `${key}=${value}`);
    const terminal = await terminals.open(["env", "-i", ...words, needs.opencode, ...args], at("project"));
    await until(`${name} has a prompt`, async () => /Ask anything|ctrl\+p|commands/i.test(await terminal.screen()), {
      seconds: START_S,
      instead: terminal.lastSeen,
    });
    const flat = (text: string): string => text.replace(/[\s┃│]/g, "");
    async function submit(line: string): Promise<void> {
      let looks = 0;
      await until(
        "the line stands in the prompt",
        async () => {
          // What is typed before the program listens is lost.
          const isEmpty = /Ask anything/.test(await terminal.screen());
          if (looks === 0 || (looks % 400 === 0 && isEmpty)) await terminal.type(line);
          looks++;
          return flat(await terminal.screen()).includes(flat(line).slice(-20));
        },
        { instead: terminal.lastSeen },
      );
      await terminal.key("Enter");
    }
    return {
      ...terminal,
      submit,
      idle: (peer = name) => isIdle(peer, terminal.lastSeen),
      play: (...turns: Turn[]) => submit(scriptOf(turns)),
      given: (word: string) => given(name, word, terminal.lastSeen),
    };
  }

  return {
    at,
    run,
    cct,
    start,
    given,
    config,
    requestsOf,
    peerNamed,
    /** The program without a terminal. Its prompt comes by its input. */
    print: (name: string, turns: Turn[], ...args: string[]) =>
      run([needs.opencode, "run", ...args], {
        more: { WHO: name, CCT_NAME: name },
        input: scriptOf(turns),
      }),
    sessionOf: (peerId: string): string =>
      JSON.parse(readFileSync(at("home/.cct/peers", `${peerId}.json`), "utf8")).session_id,
    waitAt: (gate: string): Turn => shell(`bash ${at("gate.sh")} ${at("api", gate)}`),
    open: (gate: string): void => writeFileSync(at("api", gate), ""),
    /** The mail lies where a hook takes it. */
    mailWaits: () =>
      until("the mail waits for a hook", () =>
        readdirSync(at("home/.cct/spool"), { recursive: true }).some((name) => String(name).endsWith("/mail")),
      ),
    /** The message with this text has been read, exactly once. */
    async isRead(text: string): Promise<void> {
      let seen = "";
      await until(
        `${text} is read`,
        async () => {
          const { messages } = JSON.parse(await cct("messages", "--limit", "200", "--full", "--json"));
          const [{ recipients } = { recipients: [] }] = messages.filter((one: { text: string }) => one.text === text);
          seen = JSON.stringify(recipients);
          return recipients.length === 1 && recipients[0].state === "read" && recipients[0].redelivered === false;
        },
        { instead: () => seen },
      );
    },
    async close() {
      await network.close();
      rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    },
  };
}

export const shell = (command: string): Turn => ({
  tools: [{ name: "bash", input: { command, description: "as scripted" } }],
});
