/**
 * A stage for real sessions: a throw-away HOME into which CCT installed itself, a network without an outside, a scripted
 * Messages API, and as many sessions of the real Claude Code as a test likes, in terminals or with `claude -p`.
 */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildSync } from "esbuild";
import { type Ground, openGround } from "./ground.ts";
import { type Needs, root } from "./needs.ts";
import type { Network } from "./network.ts";
import { type RequestLog, readLog } from "./requests.ts";
import { bash, type ToolCall, type Turn } from "./script.ts";
import { openSession, type Session, writeScript } from "./session.ts";
import { until } from "./wait.ts";

const API_PORT = 8787;
const KEY = "sk-ant-no-key-only-for-the-scripted-model";

interface Ended {
  status: number | null;
  stdout: string;
  stderr: string;
  /** When its first output came, milliseconds since 1970. */
  answeredAt: number;
}

export interface SentMessage {
  message_id: string;
  text: string;
  sent_at: number;
  recipients: { name: string; state: string; attempts: number; redelivered: boolean }[];
}

interface StartOptions {
  env?: Record<string, string>;
  /** More words for the `claude` command line. */
  args?: string[];
  /** Whether CCT is installed, so that the session is ready only when that is: as a rule. */
  installed?: boolean;
}

export interface Stage {
  needs: Needs;
  home: string;
  network: Network;
  log: RequestLog;
  /** Writes a script for the model; answers with the prompt that plays it. */
  script(turns: Turn[]): string;
  /** The sessions that were started in terminals. */
  sessions: readonly Session[];
  /** Starts a session in a terminal; `name` is its CCT name. Resolves when it is ready. */
  start(name: string, options?: StartOptions): Promise<Session>;
  /** Runs `claude -p` with scripted turns. */
  print(name: string, turns: Turn[], env?: Record<string, string>): Promise<Ended>;
  /** Runs a `cct` command as the person at this HOME. */
  cct(...args: string[]): Promise<Ended>;
  /** Sends texts to one peer, all at once, as the person at this HOME. */
  sendMany(to: string, texts: readonly string[]): Promise<Ended>;
  /** Takes hooks out of the installed plugin: those that end with one of these words. Before any session starts. */
  withoutHooks(words: readonly string[]): void;
  /** Resolves when the message with this text has this state. */
  becomes(text: string, state: string): Promise<SentMessage>;
  /** Resolves when the model of this session was asked. */
  asked(name: string): Promise<void>;
  /** Resolves when there is a live peer of this name. */
  registered(name: string): Promise<void>;
  /** A Bash call that lasts until the gate is opened. */
  waitAt(gate: string): ToolCall;
  /** Resolves when the call of `waitAt` runs. */
  reached(gate: string): Promise<void>;
  open(gate: string): void;
  close(): Promise<void>;
}

/** `on`: where other agents are, too. */
export async function openStage(needs: Needs, on?: Ground): Promise<Stage> {
  const ground = on ?? (await openGround(needs));
  const { folder, at, env: baseEnv, network, terminals, close } = ground;
  const home = at("home");
  const project = at("project");
  const gates = at("api/gates");
  const scripts = at("api/scripts");
  for (const one of [gates, scripts]) mkdirSync(one, { recursive: true });
  symlinkSync(needs.claude, at("bin/claude"));
  writeFileSync(at("api/log.jsonl"), "");
  writeFileSync(at("bin/gate"), `: >"${gates}/$1.reached"; until [[ -e "${gates}/$1" ]]; do sleep 0.05; done\n`);
  seedHome(home, project, needs.version);
  const run = (command: readonly string[], env: Record<string, string>): Promise<Ended> => {
    const [program, args] = network.within(command);
    return new Promise((resolve) => {
      const child = execFile(program, args, { env, cwd: project, maxBuffer: 1e8 }, (_error, stdout, stderr) =>
        resolve({ status: child.exitCode, stdout, stderr, answeredAt }),
      );
      let answeredAt = 0;
      child.stdout?.once("data", () => {
        answeredAt = Date.now();
      });
      child.stdin?.end();
    });
  };
  const cct = (...args: string[]): Promise<Ended> =>
    run([process.execPath, join(root, "dist/bin.js"), ...args], baseEnv);
  const hostEnv = (name: string, more: Record<string, string>): Record<string, string> => ({
    ...baseEnv,
    CCT_NAME: name,
    ANTHROPIC_API_KEY: KEY,
    ANTHROPIC_BASE_URL: `http://127.0.0.1:${API_PORT}/as/${name}`,
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
    DISABLE_TELEMETRY: "1",
    DISABLE_AUTOUPDATER: "1",
    ...more,
  });
  const message = async (text: string): Promise<SentMessage | undefined> => {
    const { status, stdout, stderr } = await cct("messages", "--limit", "500", "--full", "--json");
    if (status !== 0) throw new Error(`cct messages: ${stderr}`);
    const { messages }: { messages: SentMessage[] } = JSON.parse(stdout);
    return messages.find((one) => one.text === text);
  };

  try {
    await startApi(network.within, folder, baseEnv);
    // It waits five seconds for `claude --version`, which is too short for an old one on a slow machine.
    let up = await cct("up");
    const hasSeenIt = (): boolean => up.status === 0 && up.stdout.includes(needs.version);
    for (let i = 0; i < 5 && !hasSeenIt(); i++) up = await cct("up");
    if (!hasSeenIt()) throw new Error(`cct up: ${up.stdout}${up.stderr}`);
    const log = readLog(at("api/log.jsonl"));
    const sessions: Session[] = [];
    const places = { home, cctHome: join(home, ".cct"), scripts };
    return {
      needs,
      home,
      network,
      log,
      script: (turns) => writeScript(scripts, turns),
      sessions,
      async start(name, { env = {}, args = [], installed = true } = {}) {
        const words = Object.entries(hostEnv(name, env)).map(([key, value]) => `${key}=${value}`);
        const command = ["env", "-i", ...words, needs.claude, "--permission-mode", "default", ...args];
        const session = await openSession(name, terminals, command, project, log, { ...places, installed });
        sessions.push(session);
        return session;
      },
      print(name, turns, env = {}) {
        const prompt = writeScript(scripts, turns);
        return run([needs.claude, "--permission-mode", "default", "-p", prompt], hostEnv(name, env));
      },
      cct,
      sendMany: (to, texts) => run([process.execPath, "-e", SEND_MANY, to, ...texts], baseEnv),
      withoutHooks(words) {
        const file = join(home, ".claude", "skills", "cct", "hooks", "hooks.json");
        const plugin: { hooks: Record<string, { hooks: { args: string[] }[] }[]> } = JSON.parse(
          readFileSync(file, "utf8"),
        );
        const left = Object.entries(plugin.hooks).map(([event, entries]) => {
          const kept = entries.map(({ hooks, ...entry }) => ({
            ...entry,
            hooks: hooks.filter(({ args }) => !words.includes(args.at(-1) ?? "")),
          }));
          return [event, kept.filter(({ hooks }) => hooks.length > 0)] as const;
        });
        const hooks = Object.fromEntries(left.filter(([, entries]) => entries.length > 0));
        writeFileSync(file, JSON.stringify({ ...plugin, hooks }));
      },
      async becomes(text, state) {
        let found: SentMessage | undefined;
        return until(
          `the message ${text} is ${state}`,
          async () => {
            found = await message(text);
            return found?.recipients.every((one) => one.state === state) && found;
          },
          { instead: () => JSON.stringify(found) },
        );
      },
      async asked(name) {
        await until(`the model of ${name} is asked`, () => log.of(name).length > 0);
      },
      async registered(name) {
        await until(`${name} is a live peer`, async () => {
          const peers: { name: string; presence: string }[] = JSON.parse((await cct("peers", "--json")).stdout).peers;
          return peers.some((peer) => peer.name === name && peer.presence !== "offline");
        });
      },
      waitAt: (gate) => bash(`bash ${at("bin/gate")} ${gate}`),
      async reached(gate) {
        await until(`the tool call at ${gate} runs`, () => existsSync(join(gates, `${gate}.reached`)));
      },
      open: (gate) => writeFileSync(join(gates, gate), ""),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** `cct send` starts a process for each message, which takes too long for ten within a second. */
const SEND_MANY = `
  const { readFileSync } = require("node:fs");
  const home = process.env.HOME + "/.cct/";
  const { url } = JSON.parse(readFileSync(home + "broker.json", "utf8"));
  const headers = { "content-type": "application/json", authorization: "Bearer " + readFileSync(home + "token", "utf8").trim() };
  const [, to, ...texts] = process.argv;
  Promise.all(texts.map(async (text) => {
    const answer = await fetch(url + "/api/send_message", { method: "POST", headers, body: JSON.stringify({ to, text }) });
    if (!answer.ok) throw new Error(await answer.text());
  })).then(() => console.log("sent"));
`;

/** The first-run dialogs answered, the project trusted, and a setting of the user's own. */
function seedHome(home: string, project: string, version: string): void {
  const state = {
    numStartups: 5,
    hasCompletedOnboarding: true,
    lastOnboardingVersion: version,
    theme: "dark",
    customApiKeyResponses: { approved: [KEY.slice(-20)], rejected: [] },
    projects: {
      [project]: { hasTrustDialogAccepted: true, hasCompletedProjectOnboarding: true, allowedTools: [] },
    },
  };
  mkdirSync(join(home, ".claude"), { recursive: true });
  writeFileSync(join(home, ".claude.json"), JSON.stringify(state));
  writeFileSync(join(home, ".claude", "settings.json"), '{ "permissions": { "allow": ["Bash"] } }\n');
}

/** The API runs inside the stage's network, and so is a program of its own. */
async function startApi(
  within: (command: readonly string[]) => [string, string[]],
  folder: string,
  env: Record<string, string>,
): Promise<void> {
  const file = join(folder, "api", "api.mjs");
  buildSync({
    entryPoints: [join(root, "test", "host", "api.ts")],
    outfile: file,
    bundle: true,
    platform: "node",
    format: "esm",
    logLevel: "warning",
  });
  const [program, args] = within([process.execPath, file, String(API_PORT), join(folder, "api")]);
  const child = spawn(program, args, { env, stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
}
