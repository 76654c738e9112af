/** The real Qwen Code with CCT's extension and a scripted model, in a network of its own. */
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { type Ground, openGround, openModelApi } from "./ground.ts";
import type { Machine } from "./needs.ts";
import { until } from "./wait.ts";

/** An answer of the model. */
export interface Turn {
  text?: string;
  tools?: { name: string; input: object }[];
  /** It comes when this gate is open. */
  gate?: string;
}

/** The network has all ports to itself. */
const PORT = "8791";

export type QwenStage = Awaited<ReturnType<typeof openQwenStage>>;
export type QwenSession = Awaited<ReturnType<QwenStage["start"]>>;

/** `on`: where other agents are, too. */
export async function openQwenStage(needs: Machine & { qwen: string }, on?: Ground) {
  const ground = on ?? (await openGround(needs));
  const { at, env, terminals, run, cct, peer, peerNamed, inSpoolOf } = ground;
  mkdirSync(at("home/.qwen"));
  const settings = {
    general: { disableAutoUpdate: true, enableAutoUpdate: false },
    privacy: { usageStatisticsEnabled: false },
    security: { auth: { selectedType: "openai" } },
    model: { name: "scripted" },
    tools: { approvalMode: "default" },
    permissions: { allow: ["run_shell_command"] },
  };
  writeFileSync(at("home/.qwen/settings.json"), JSON.stringify(settings));
  symlinkSync(needs.qwen, at("bin/qwen"));
  const api = await openModelApi(ground, "qwen-api.mjs", PORT, "qwen-api");
  await cct("start");

  const words = (who: string, more: Record<string, string>): string[] =>
    Object.entries({
      ...env,
      OPENAI_API_KEY: "none-only-for-the-scripted-model",
      OPENAI_BASE_URL: `http://127.0.0.1:${PORT}/as/${who}/v1`,
      OPENAI_MODEL: "scripted",
      QWEN_TELEMETRY_ENABLED: "false",
      ...more,
    }).map(([key, value]) => `${key}=${value}`);

  /** A session at a terminal. Without `seat` its name comes from its folder. */
  async function start(name: string, { args = [], seat = true }: { args?: string[]; seat?: boolean } = {}) {
    const cwd = at(seat ? "project" : name);
    mkdirSync(cwd, { recursive: true });
    const environment = words(name, seat ? { CCT_NAME: name } : {});
    const terminal = await terminals.open(["env", "-i", ...environment, process.execPath, needs.qwen, ...args], cwd);
    async function isIdle(): Promise<boolean> {
      await terminal.screen();
      return (await peerNamed(name))?.presence === "idle";
    }
    const idle = () => until(`${name} is idle`, isIdle, { seconds: 90, instead: terminal.lastSeen });
    async function submit(line: string): Promise<void> {
      await terminal.type(line);
      await until("the line stands in the prompt", async () => (await terminal.screen()).includes(line), {
        instead: terminal.lastSeen,
      });
      await terminal.key("Enter");
    }
    await until(`${name} has a prompt`, async () => (await terminal.screen()).includes("Type your message"), {
      seconds: 90,
      instead: terminal.lastSeen,
    });
    await idle();
    return {
      ...terminal,
      idle,
      submit,
      play: (...turns: Turn[]) => submit(api.script(turns)),
      peer: () => peer(name),
      requests: () => api.requestsOf(name),
      given: (word: string) => api.given(name, word, terminal.screen),
      inSpool: (file: string): string => inSpoolOf(terminal, file),
    };
  }

  return {
    ...ground,
    api,
    start,
    /** The program without a terminal: `qwen -p`. */
    print: (name: string, prompt: string) =>
      run(["env", "-i", ...words(name, { CCT_NAME: name }), process.execPath, needs.qwen, "-p", prompt]),
    waitAt: (gate: string): Turn => shell(api.gate(gate)),
  };
}

export const shell = (command: string): Turn => ({
  tools: [{ name: "run_shell_command", input: { command, is_background: false } }],
});
