/** The real Gemini CLI with CCT's extension and a scripted model, in a network of its own. */
import { execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type Machine, root } from "./needs.ts";
import { openNetwork } from "./network.ts";
import { openTerminals } from "./terminals.ts";
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

interface Request {
  who: string;
  at: number;
  messages: { role: string; content: string }[];
}

export interface Peer {
  name: string;
  peer_id: string;
  agent?: string;
  presence: string;
}

/** Its network has all ports to itself. */
const PORT = "8791";

/** Stands in an empty prompt. */
const PROMPT = "Type your message";

export const newWord = (about: string): string => `${about}${randomBytes(4).toString("hex")}`;

export type GeminiStage = Awaited<ReturnType<typeof openGeminiStage>>;
export type GeminiSession = Awaited<ReturnType<GeminiStage["start"]>>;

export async function openGeminiStage(needs: Machine & { gemini: string }) {
  const folder = mkdtempSync(join(tmpdir(), "cct-gemini-"));
  const at = (...names: string[]): string => join(folder, ...names);
  const env: Record<string, string> = {
    PATH: [dirname(process.execPath), at("bin"), "/usr/bin", "/bin"].join(":"),
    HOME: at("home"),
    TMPDIR: at("tmp"),
    TERM: "xterm-256color",
    LANG: "C.UTF-8",
    SHELL: "/bin/bash",
  };
  for (const name of ["home/.gemini/policies", "project", "api", "tmp", "bin"])
    mkdirSync(at(name), { recursive: true });
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
  writeFileSync(at("api/log.jsonl"), "");
  writeFileSync(at("gate.sh"), ': >"$1.reached"; until [[ -e "$1" ]]; do sleep 0.05; done\n');
  const network = await openNetwork(needs);
  const terminals = await openTerminals(network, folder);
  const [program, args] = network.within([process.execPath, join(root, "test/host/gemini-api.mjs"), PORT, at("api")]);
  const api = spawn(program, args, { env, stdio: ["ignore", "pipe", "inherit"] });
  await once(api.stdout, "data");

  function run(
    command: readonly string[],
    cwd = at("project"),
  ): Promise<{ stdout: string; stderr: string; code: unknown }> {
    const [first, words] = network.within(command);
    return new Promise((resolve) => {
      const child = execFile(first, words, { env, cwd }, (error, stdout, stderr) =>
        resolve({ stdout, stderr, code: error?.code ?? 0 }),
      );
      child.stdin?.end();
    });
  }
  /** Runs a command as the person at this HOME. */
  async function cct(...words: string[]): Promise<string> {
    const { stdout, stderr, code } = await run([process.execPath, join(root, "dist/bin.js"), ...words]);
    if (code !== 0) throw new Error(`cct ${words.join(" ")}: ${stderr}`);
    return stdout;
  }
  await cct("start");

  const requestsOf = (who: string): Request[] =>
    readFileSync(at("api/log.jsonl"), "utf8")
      .split("\n")
      // What follows the last newline is being written.
      .slice(0, -1)
      .map((line) => JSON.parse(line))
      .filter((request: Request) => request.who === who);
  async function peerOf(name: string): Promise<Peer | undefined> {
    const { peers }: { peers: Peer[] } = JSON.parse(await cct("peers", "--all", "--json"));
    return peers.find((one) => one.name === name);
  }
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
      return (await peerOf(name))?.presence === "idle";
    }
    const idle = () => until(`${name} is idle`, isIdle, { seconds: 240, instead: terminal.lastSeen });
    /** A file of its spool, which bears the pid of a process below the terminal's. */
    function inSpool(file: string): string {
      const pid = readdirSync(at("home/.cct/spool")).find((one) => isBelow(Number(one), terminal.pid));
      return at("home/.cct/spool", String(pid), file);
    }
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
      play: (...turns: Turn[]) => submit(`PLAY ${JSON.stringify(turns)}`),
      requests: () => requestsOf(name),
      /** The mail lies where the next hook takes it. */
      mailWaits: () => until(`mail waits for ${name}`, () => existsSync(inSpool("mail"))),
      inSpool,
      async peer(): Promise<Peer> {
        const found = await peerOf(name);
        if (!found) throw new Error(`there is no ${name}`);
        return found;
      },
      /** Where a word stands in the first request that has it, exactly once. */
      async given(word: string) {
        const found = await until(
          `${name} is given ${word}`,
          async () => {
            await terminal.screen();
            return requestsOf(name).find(({ messages }) => messages.some(({ content }) => content.includes(word)));
          },
          { seconds: 240, instead: terminal.lastSeen },
        );
        const places = found.messages.filter(({ content }) => content.includes(word));
        const times = places.map(({ content }) => content.split(word).length - 1);
        if (times.join() !== "1") throw new Error(`${word} stands there ${times.join(" and ")} times`);
        return { role: places[0]?.role, text: places[0]?.content ?? "", messages: found.messages };
      },
    };
  }

  return {
    at,
    cct,
    start,
    peerOf,
    requestsOf,
    /** The program without a terminal: `gemini -p`. */
    print: (name: string, prompt: string) =>
      run(["env", "-i", ...words(name, { CCT_NAME: name }), process.execPath, needs.gemini, "-p", prompt]),
    waitAt: (gate: string): Turn => shell(`bash ${at("gate.sh")} ${at("api", gate)}`),
    open: (gate: string): void => writeFileSync(at("api", gate), ""),
    /** The only mail that is there lies where a hook takes it. */
    mailWaits: () =>
      until("the mail waits for a hook", () =>
        readdirSync(at("home/.cct/spool"), { recursive: true }).some((name) => String(name).endsWith("/mail")),
      ),
    async stateOf(text: string): Promise<string> {
      const { messages } = JSON.parse(await cct("messages", "--limit", "200", "--full", "--json"));
      return messages.find((one: { text: string }) => one.text === text).recipients[0].state;
    },
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
        { seconds: 240, instead: () => seen },
      );
    },
    async close() {
      await network.close();
      rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    },
  };
}

function isBelow(pid: number, ancestor: number): boolean {
  try {
    for (
      let at = pid;
      at > 1;
      at = Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${at}/status`, "utf8"))?.[1] ?? 0)
    )
      if (at === ancestor) return true;
  } catch {
    // It has ended.
  }
  return false;
}

export const shell = (command: string): Turn => ({
  tools: [{ name: "run_shell_command", input: { command } }],
});
