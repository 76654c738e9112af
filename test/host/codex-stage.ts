/** The real Codex with CCT and a scripted model. All its terminals share one daemon. A session's name is that of its folder. */
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { type Ground, openGround, openModelApi } from "./ground.ts";
import type { Machine } from "./needs.ts";
import { pause, until } from "./wait.ts";

/** An answer of the model. */
export interface CodexTurn {
  text?: string;
  tools?: { name: string; namespace?: string; input: object }[];
  /** It comes when this gate is open. */
  gate?: string;
}

/** The network has all ports to itself. */
const PORT = "8792";

export type CodexStage = Awaited<ReturnType<typeof openCodexStage>>;
export type CodexSession = Awaited<ReturnType<CodexStage["start"]>>;

export const shell = (cmd: string): CodexTurn => ({ tools: [{ name: "exec_command", input: { cmd } }] });

/** A call of one of CCT's tools. */
export const cctTool = (name: string, input: object): CodexTurn => ({
  tools: [{ name: `cct_${name}`, namespace: "mcp__cct", input }],
});

/** `names`: of the sessions, whose folders its user trusts. `on`: where other agents are, too. */
export async function openCodexStage(needs: Machine & { codex: string }, names: readonly string[], on?: Ground) {
  const ground = on ?? (await openGround(needs));
  const { at, env, terminals, run, cct, peer, peerNamed } = ground;
  const config = at("home/.codex/config.toml");
  for (const name of ["home/.codex", ...names]) mkdirSync(at(name), { recursive: true });
  symlinkSync(needs.codex, at("bin/codex"));
  const original = configFor(names.map((name) => at(name)));
  writeFileSync(config, original);
  const api = await openModelApi(ground, "codex-api.mjs", PORT, "codex-api");
  await cct("start");
  const key = { OPENAI_API_KEY: "none-only-for-the-scripted-model" };

  async function start(name: string, ...args: string[]) {
    const words = Object.entries({ ...env, ...key }).map(([variable, value]) => `${variable}=${value}`);
    const terminal = await terminals.open(["env", "-i", ...words, needs.codex, ...args, "-m", name], at(name));
    const instead = terminal.lastSeen;
    const isIdle = async (): Promise<boolean> => {
      await terminal.screen();
      return (await peerNamed(name))?.presence === "idle";
    };
    await until(`${name} has a prompt`, async () => /^› /m.test(await terminal.screen()), { instead });

    async function submit(line: string): Promise<void> {
      await terminal.type(line);
      const isThere = async (): Promise<boolean> => (await terminal.screen()).includes(line);
      await until("the line stands in the prompt", isThere, { instead });
      await terminal.key("Enter");
    }
    return {
      ...terminal,
      submit,
      idle: () => until(`${name} is idle`, isIdle, { instead }),
      peer: () => peer(name),
      requests: () => api.requestsOf(name),
      given: (word: string) => api.given(name, word, terminal.screen),
      async play(...turns: CodexTurn[]): Promise<void> {
        const asked = api.requestsOf(name).length;
        const script = api.script(turns);
        await submit(script);
        const isAsked = (): boolean =>
          api
            .requestsOf(name)
            .slice(asked)
            .some(({ messages }) => messages.findLast(({ role }) => role === "user")?.content === script);
        const asks = async (): Promise<boolean> => {
          if (isAsked()) return true;
          // A terminal may take fast typing for a paste.
          await terminal.key("Enter");
          await pause(500);
          return false;
        };
        await until(`${name} asks its model`, asks, { instead });
      },
    };
  }

  return {
    ...ground,
    api,
    start,
    config,
    /** What stood in its configuration before CCT did. */
    original,
    /** The program without a terminal: `codex exec`. */
    exec: (name: string, ...words: string[]) =>
      run([needs.codex, "exec", "--skip-git-repo-check", "-m", name, ...words], { cwd: at(name), more: key }),
    waitAt: (gate: string): CodexTurn => shell(api.gate(gate)),
    threadOf: (peerId: string): string =>
      JSON.parse(readFileSync(at("home/.cct/peers", `${peerId}.json`), "utf8")).session_id,
  };
}

const configFor = (folders: readonly string[]): string => `model = "scripted"
model_provider = "scripted"
approval_policy = "on-request"
sandbox_mode = "danger-full-access"
check_for_update_on_startup = false

[model_providers.scripted]
name = "scripted"
base_url = "http://127.0.0.1:${PORT}/v1"
env_key = "OPENAI_API_KEY"
wire_api = "responses"
${folders.map((folder) => `\n[projects."${folder}"]\ntrust_level = "trusted"\n`).join("")}`;
