/** What the stages of all agents stand on: a throw-away HOME with its broker, and terminals in a network without an outside. */
import { execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type Machine, root } from "./needs.ts";
import { openNetwork } from "./network.ts";
import { openTerminals } from "./terminals.ts";
import { until } from "./wait.ts";

export interface Peer {
  name: string;
  peer_id: string;
  agent?: string;
  presence: string;
}

interface Recipient {
  name: string;
  state: string;
  redelivered: boolean;
}

interface Ended {
  stdout: string;
  stderr: string;
  code: unknown;
}

export type Ground = Awaited<ReturnType<typeof openGround>>;

/** A word that stands in one message of one test only. */
export const newWord = (about: string): string => `${about}${randomBytes(4).toString("hex")}`;

export async function openGround(needs: Machine) {
  const folder = mkdtempSync(join(tmpdir(), "cct-host-"));
  const at = (...names: string[]): string => join(folder, ...names);
  for (const name of ["home", "project", "tmp", "bin"]) mkdirSync(at(name));
  const env: Record<string, string> = {
    PATH: [at("bin"), dirname(process.execPath), "/usr/local/bin", "/usr/bin", "/bin"].join(":"),
    HOME: at("home"),
    TMPDIR: at("tmp"),
    TERM: "xterm-256color",
    LANG: "C.UTF-8",
    SHELL: "/bin/bash",
  };
  const network = await openNetwork(needs);
  async function close(): Promise<void> {
    await network.close();
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }

  /** Runs a program as the person at this HOME. */
  function run(command: readonly string[], { cwd = at("project"), more = {}, input = "" } = {}): Promise<Ended> {
    const [program, words] = network.within(command);
    return new Promise((resolve) => {
      const options = { env: { ...env, ...more }, cwd, maxBuffer: 1e8 };
      const child = execFile(program, words, options, (error, stdout, stderr) =>
        resolve({ stdout, stderr, code: error?.code ?? 0 }),
      );
      child.stdin?.end(input);
    });
  }
  async function cct(...words: string[]): Promise<string> {
    const { stdout, stderr, code } = await run([process.execPath, join(root, "dist/bin.js"), ...words]);
    if (code !== 0) throw new Error(`cct ${words.join(" ")}: ${stdout}${stderr}`);
    return stdout;
  }
  async function peerNamed(name: string): Promise<Peer | undefined> {
    const { peers }: { peers: Peer[] } = JSON.parse(await cct("peers", "--all", "--json"));
    return peers.find((one) => one.name === name);
  }
  async function peer(name: string): Promise<Peer> {
    const found = await peerNamed(name);
    if (!found) throw new Error(`there is no ${name}`);
    return found;
  }
  async function recipientsOf(text: string): Promise<Recipient[]> {
    const { messages } = JSON.parse(await cct("messages", "--limit", "200", "--full", "--json"));
    return messages.find((one: { text: string }) => one.text === text)?.recipients ?? [];
  }

  /** A file of the spool of a session at a terminal, whose name is the pid of a process below the terminal's. */
  function inSpoolOf(terminal: { pid: number }, file: string): string {
    const pid = readdirSync(at("home/.cct/spool")).find((one) => isBelow(Number(one), terminal.pid));
    return at("home/.cct/spool", String(pid), file);
  }

  /** The message with this text has been read by so many recipients, exactly once by each. */
  async function isRead(text: string, by = 1, mayComeAgain = false): Promise<void> {
    let seen: Recipient[] = [];
    const isDone = ({ state, redelivered }: Recipient): boolean => state === "read" && (mayComeAgain || !redelivered);
    await until(
      `${text} is read`,
      async () => {
        seen = await recipientsOf(text);
        return seen.length === by && seen.every(isDone);
      },
      { instead: () => JSON.stringify(seen) },
    );
  }

  const terminals = await openTerminals(network, folder).catch(async (error) => {
    await close();
    throw error;
  });
  return {
    folder,
    at,
    env,
    network,
    terminals,
    run,
    cct,
    peer,
    peerNamed,
    close,
    inSpoolOf,
    recipientsOf,
    isRead,
    /** The same on a machine so slow that a host may say too late that it has the mail: then it comes again, marked. */
    isReadAtLast: (text: string, by = 1): Promise<void> => isRead(text, by, true),
    /** Mail lies where a hook takes it; where `text` is given, a hook may also have shown that message already. */
    mailWaits: (text?: string) =>
      until("the mail waits for a hook", async () => {
        const names = readdirSync(at("home/.cct/spool"), { recursive: true });
        if (names.some((name) => String(name).endsWith("/mail"))) return true;
        return text !== undefined && (await recipientsOf(text)).some(({ state }) => /^(delivered|read)$/.test(state));
      }),
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

/** What a scripted model was asked. */
export interface Asked {
  who: string;
  at: number;
  messages: { role: string; content: string }[];
}

/** A scripted model: the program in this folder answers at that port. */
export async function openModelApi({ at, env, network }: Ground, program: string, port: string, folder: string) {
  const api = (...names: string[]): string => at(folder, ...names);
  mkdirSync(api());
  writeFileSync(api("log.jsonl"), "");
  writeFileSync(api("gate.sh"), ': >"$1.reached"; until [[ -e "$1" ]]; do sleep 0.05; done\n');
  const [command, args] = network.within([process.execPath, join(root, "test/host", program), port, api()]);
  const child = spawn(command, args, { env, stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");

  const requestsOf = (who: string): Asked[] =>
    readFileSync(api("log.jsonl"), "utf8")
      .split("\n")
      // What follows the last newline is being written.
      .slice(0, -1)
      .map((line) => JSON.parse(line))
      .filter((request: Asked) => request.who === who);
  let scripts = 0;
  return {
    requestsOf,
    /** Writes what the model does; answers with the prompt that plays it. */
    script(turns: readonly object[]): string {
      const id = `s${++scripts}x${randomBytes(3).toString("hex")}`;
      writeFileSync(api(`${id}.json`), JSON.stringify(turns));
      return `PLAY ${id}`;
    },
    /** A shell command that lasts until the gate is opened. */
    gate: (name: string): string => `bash ${api("gate.sh")} ${api(name)}`,
    /** Whether that command runs, or has run. */
    reached: (name: string): string => api(`${name}.reached`),
    open: (name: string): void => writeFileSync(api(name), ""),
    /** Where a word stands in the first request that has it, exactly once. */
    async given(who: string, word: string, look: () => Promise<string> = async () => "") {
      let screen = "";
      const found = await until(
        `${who} is given ${word}`,
        async () => {
          screen = await look();
          return requestsOf(who).find(({ messages }) => messages.some(({ content }) => content.includes(word)));
        },
        { instead: () => screen },
      );
      const places = found.messages.filter(({ content }) => content.includes(word));
      const times = places.map(({ content }) => content.split(word).length - 1);
      if (times.join() !== "1") throw new Error(`${word} stands there ${times.join(" and ")} times`);
      return { role: places[0]?.role ?? "", text: places[0]?.content ?? "", at: found.at, messages: found.messages };
    },
  };
}
