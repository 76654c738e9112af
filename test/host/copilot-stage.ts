/** The real Copilot CLI with CCT and a scripted model, in a network of its own. */
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openGround, openModelApi } from "./ground.ts";
import { type CopilotNeeds, root } from "./needs.ts";
import { until } from "./wait.ts";

/** An answer of the model. */
interface Turn {
  text?: string;
  tools?: { name: string; input: object }[];
  /** It comes when this gate is open. */
  gate?: string;
}

/** Its network has all ports to itself. */
const PORT = "8793";

export type CopilotStage = Awaited<ReturnType<typeof openCopilotStage>>;
export type CopilotSession = Awaited<ReturnType<CopilotStage["start"]>>;

export async function openCopilotStage(needs: CopilotNeeds) {
  const ground = await openGround(needs);
  const { at, env, terminals, run, cct, peer, peerNamed } = ground;
  // It would unpack itself again in each home.
  mkdirSync(at("home/.cache"));
  cpSync(needs.unpacked, at("home/.cache/copilot"), { recursive: true });
  // One of the two users has turned extensions on.
  for (const [name, settings] of [
    ["home/.copilot", { experimental: true }],
    ["plain", {}],
  ] as const) {
    mkdirSync(at(name));
    writeFileSync(at(name, "settings.json"), JSON.stringify(settings));
    writeFileSync(at(name, "config.json"), JSON.stringify({ trustedFolders: [at("project")], appTipShown: true }));
  }
  symlinkSync(needs.copilot, at("bin/copilot"));
  const api = await openModelApi(ground, "qwen-api.mjs", PORT, "copilot-api");
  await cct("start");

  const command = (who: string, more: Record<string, string>): string[] => {
    const all = {
      ...env,
      CCT_NAME: who,
      COPILOT_AUTO_UPDATE: "false",
      COPILOT_OFFLINE: "true",
      COPILOT_PROVIDER_TYPE: "openai",
      COPILOT_PROVIDER_BASE_URL: `http://127.0.0.1:${PORT}/as/${who}/v1`,
      COPILOT_PROVIDER_API_KEY: "none-only-for-the-scripted-model",
      COPILOT_MODEL: "scripted",
      ...more,
    };
    return [
      "env",
      "-i",
      ...Object.entries(all).map(([key, value]) => `${key}=${value}`),
      needs.copilot,
      "--allow-all-paths",
    ];
  };
  const ofPlainUser = { COPILOT_HOME: at("plain") };

  /** A session at a terminal. `isPlain`: its user has not turned extensions on. */
  async function start(name: string, { isPlain = false } = {}) {
    const words = [...command(name, isPlain ? ofPlainUser : {}), "--allow-tool=shell"];
    const terminal = await terminals.open(words, at("project"));
    const sees = (what: string, look: () => Promise<unknown> | unknown): Promise<unknown> =>
      until(
        `${name} ${what}`,
        async () => {
          await terminal.screen();
          return look();
        },
        { seconds: 180, instead: terminal.lastSeen },
      );
    const idle = () => sees("is idle", async () => (await peerNamed(name))?.presence === "idle");
    /** Fast typing is a paste, in which Enter is a new line for a moment. */
    async function submit(line: string, isDone: () => boolean): Promise<void> {
      await terminal.type(line);
      await sees("has the line in its prompt", () => terminal.lastSeen().includes(line));
      await sees("takes the line", async () => {
        if (isDone()) return true;
        await terminal.key("Enter");
        await sleep(500);
        return isDone();
      });
    }
    await sees("has a prompt", () => /^❯/m.test(terminal.lastSeen()));
    await sees("has loaded its parts", () => !terminal.lastSeen().includes("Loading:"));
    await idle();
    if (!isPlain) await sees("can be woken", async () => !(await cct("peers", "--all")).includes("cannot be woken"));
    return {
      ...terminal,
      idle,
      submit,
      async play(...turns: Turn[]): Promise<void> {
        const prompt = api.script(turns);
        const isAsked = () =>
          api.requestsOf(name).some(({ messages }) => messages.some((one) => one.content.includes(prompt)));
        await submit(prompt, isAsked);
      },
      peer: () => peer(name),
      requests: () => api.requestsOf(name),
      given: (word: string) => api.given(name, word, terminal.screen),
      /** A file of its spool. */
      inSpool: (file: string): string => at("home/.cct/spool", String(terminal.pid), file),
    };
  }

  return {
    ...ground,
    api,
    start,
    /** Installs for the other user. */
    installPlain: () =>
      run([process.execPath, join(root, "dist/bin.js"), "install", "--host", "copilot"], { more: ofPlainUser }),
    /** The program without a terminal. */
    print: (name: string, prompt: string, ...args: string[]) =>
      run([...command(name, {}), "--allow-all-tools", ...args, "-p", prompt]),
    waitAt: (gate: string): Turn => shell(api.gate(gate)),
  };
}

export const shell = (command: string): Turn => ({
  tools: [{ name: "bash", input: { command, description: "a step" } }],
});
