/** The real Gemini CLI with CCT's extension and a scripted model, in a network of its own. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { openGround, openModelApi } from "./ground.ts";
import type { Machine } from "./needs.ts";
import { until } from "./wait.ts";

/** An answer of the model. */
export interface Turn {
  text?: string;
  tools?: { name: string; input: object }[];
  /** What comes before the gate. */
  begins?: string;
  /** The API fails with this. */
  status?: number;
  /** It comes when this gate is open. */
  gate?: string;
}

/** Its network has all ports to itself. */
const PORT = "8791";

/** Stands in an empty prompt. */
const PROMPT = "Type your message";

export type GeminiStage = Awaited<ReturnType<typeof openGeminiStage>>;
export type GeminiSession = Awaited<ReturnType<GeminiStage["start"]>>;

export async function openGeminiStage(needs: Machine & { gemini: string }) {
  const ground = await openGround(needs);
  const { at, env, terminals, run, cct, peer, peerNamed, recipientsOf, inSpoolOf } = ground;
  mkdirSync(at("home/.gemini/policies"), { recursive: true });
  const settings = {
    general: { disableAutoUpdate: true, enableAutoUpdate: false },
    privacy: { usageStatisticsEnabled: false },
    security: { auth: { selectedType: "gemini-api-key" }, folderTrust: { enabled: false } },
    model: { name: "gemini-2.5-pro" },
    ui: { theme: "Default" },
  };
  writeFileSync(at("home/.gemini/settings.json"), JSON.stringify(settings));
  const policy = '[[rule]]\ntoolName = "run_shell_command"\ndecision = "allow"\npriority = 100\n';
  writeFileSync(at("home/.gemini/policies/mine.toml"), policy);
  const api = await openModelApi(ground, "gemini-api.mjs", PORT, "gemini-api");
  await cct("start");

  const words = (who: string, more: Record<string, string>): string[] =>
    Object.entries({
      ...env,
      GEMINI_API_KEY: "none-only-for-the-scripted-model",
      GOOGLE_GEMINI_BASE_URL: `http://127.0.0.1:${PORT}/as/${who}`,
      GEMINI_TELEMETRY_ENABLED: "false",
      ...more,
    }).map(([key, value]) => `${key}=${value}`);

  /** A session at a terminal. Without `seat` its name comes from its folder. */
  async function start(name: string, { args = [], seat = true }: { args?: string[]; seat?: boolean } = {}) {
    const cwd = at(seat ? "project" : name);
    mkdirSync(cwd, { recursive: true });
    const environment = words(name, seat ? { CCT_NAME: name } : {});
    const terminal = await terminals.open(["env", "-i", ...environment, process.execPath, needs.gemini, ...args], cwd);
    async function isIdle(): Promise<boolean> {
      await terminal.screen();
      return (await peerNamed(name))?.presence === "idle";
    }
    const idle = () => until(`${name} is idle`, isIdle, { seconds: 240, instead: terminal.lastSeen });
    const inSpool = (file: string): string => inSpoolOf(terminal, file);
    async function submit(line: string, { isLast = false } = {}): Promise<void> {
      await terminal.type(line);
      await until("the line stands in the prompt", async () => {
        const screen = await terminal.screen();
        // An earlier line above the prompt may say the same.
        return !screen.includes(PROMPT) && screen.includes(line.slice(0, 40));
      });
      // A key right after a text may count as part of what was pasted. In an empty prompt it does nothing.
      let looks = 0;
      await until("the prompt is empty again", async () => {
        if (looks++ % 40 === 0) await terminal.key("Enter");
        return (isLast && (await terminal.hasEnded())) || (await terminal.screen()).includes(PROMPT);
      });
    }
    await until(`${name} has a prompt`, async () => (await terminal.screen()).includes(PROMPT), {
      seconds: 240,
      instead: terminal.lastSeen,
    });
    await idle();
    return {
      ...terminal,
      idle,
      submit,
      play: (...turns: Turn[]) => submit(api.script(turns)),
      requests: () => api.requestsOf(name),
      /** The mail lies where the next hook takes it. */
      mailWaits: () => until(`mail waits for ${name}`, () => existsSync(inSpool("mail"))),
      inSpool,
      peer: () => peer(name),
      given: (word: string) => api.given(name, word, terminal.screen),
    };
  }

  return {
    ...ground,
    api,
    start,
    /** The program without a terminal: `gemini -p`. */
    print: (name: string, prompt: string) =>
      run(["env", "-i", ...words(name, { CCT_NAME: name }), process.execPath, needs.gemini, "-p", prompt]),
    waitAt: (gate: string): Turn => shell(api.gate(gate)),
    stateOf: async (text: string): Promise<string | undefined> => (await recipientsOf(text))[0]?.state,
  };
}

export const shell = (command: string): Turn => ({
  tools: [{ name: "run_shell_command", input: { command } }],
});
