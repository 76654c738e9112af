/** The real OpenCode with CCT's plugin and a scripted model, in a network of its own. */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openGround, openModelApi } from "./ground.ts";
import type { Machine } from "./needs.ts";
import { until } from "./wait.ts";

export interface Turn {
  text?: string;
  tools?: { name: string; input: object }[];
  /** The answer comes when this gate is open. */
  gate?: string;
}

/** Its network has all ports to itself. */
const PORT = "8793";
/** One start of the program on a loaded machine, with all that it does before it shows a prompt. */
export const START_S = 300;

export async function openOpencodeStage(needs: Machine & { opencode: string; plugins: string }) {
  const ground = await openGround(needs);
  const { at, terminals, cct, peerNamed } = ground;
  const ofProgram = { OPENCODE_DISABLE_AUTOUPDATE: "1", OPENCODE_DISABLE_MODELS_FETCH: "1" };
  const config = at("home/.config/opencode");
  mkdirSync(config, { recursive: true });
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
  const api = await openModelApi(ground, "qwen-api.mjs", PORT, "opencode-api");
  await cct("start");

  const isIdle = (name: string, instead = () => "") =>
    until(`${name} is idle`, async () => (await peerNamed(name))?.presence === "idle", { instead });
  /** A terminal of its own process. */
  async function start(name: string, ...args: string[]) {
    const words = Object.entries({ ...ground.env, ...ofProgram, WHO: name, CCT_NAME: name }).map(
      ([key, value]) => `${key}=${value}`,
    );
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
      play: (...turns: Turn[]) => submit(api.script(turns)),
      given: (word: string) => api.given(name, word, terminal.screen),
    };
  }

  return {
    ...ground,
    api,
    start,
    config,
    /** The program without a terminal. Its prompt comes by its input. */
    async print(name: string, turns: Turn[], ...args: string[]): Promise<string> {
      const { stdout, stderr, code } = await ground.run([needs.opencode, "run", ...args], {
        more: { ...ofProgram, WHO: name, CCT_NAME: name },
        input: api.script(turns),
      });
      if (code !== 0) throw new Error(`opencode run: ${stdout}${stderr}`);
      return stdout;
    },
    sessionOf: (peerId: string): string =>
      JSON.parse(readFileSync(at("home/.cct/peers", `${peerId}.json`), "utf8")).session_id,
    waitAt: (gate: string): Turn => shell(api.gate(gate)),
  };
}

export const shell = (command: string): Turn => ({
  tools: [{ name: "bash", input: { command, description: "as scripted" } }],
});
