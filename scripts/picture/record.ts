/** Two real Claude Code sessions that exchange a message, as their terminals show it. Only the model's words are scripted. */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { openStage, type Stage } from "../../test/host/harness.ts";
import { findNeeds } from "../../test/host/needs.ts";
import { bash, cct, say, type Turn, use } from "../../test/host/script.ts";
import { pause } from "../../test/host/wait.ts";

export const COLUMNS = 66;
const ROWS = 27;

export interface Screen {
  title: string;
  /** With escape sequences for colours, one row a line. */
  ansi: string;
}

/** A text that says why, if this machine cannot run the real host. */
export async function record(): Promise<Screen[] | string> {
  const needs = findNeeds();
  if (typeof needs === "string") return needs;
  const stage = await openStage(needs);
  try {
    return await play(stage);
  } finally {
    await stage.close();
  }
}

async function play(stage: Stage): Promise<Screen[]> {
  const project = join(dirname(stage.home), "project");
  writeFileSync(join(project, "package.json"), '{ "scripts": { "test": "sleep 6 && echo 42 passed" } }\n');
  const web = await stage.start("web");
  const api = await stage.start("api");
  for (const pane of panes(stage)) tmux(stage, "resize-window", "-t", pane, "-x", String(COLUMNS), "-y", String(ROWS));

  await begin(
    stage,
    api,
    "Run the tests.",
    use(bash("npm test --silent")),
    {
      text: 'The tests pass. Meanwhile web wrote: "I am changing src/auth.ts, please keep out of it." I answer.',
      tools: [cct("send_message", { to: "web", text: "OK, I stay out of src/auth.ts. 42 tests pass." })],
    },
    say("All 42 tests pass, and web knows that I stay out of src/auth.ts."),
  );
  await pause(2_500);
  await begin(
    stage,
    web,
    "Tell api that you are changing src/auth.ts.",
    use(cct("send_message", { to: "api", text: "I am changing src/auth.ts, please keep out of it." })),
    say("Sent. I go on when api answers."),
    say('api answers: "OK, I stay out of src/auth.ts. 42 tests pass." I start now.'),
  );
  await web.given("OK, I stay out");
  await web.turnOver();
  await api.turnOver();
  await pause(2_000);
  const [first = "", second = ""] = panes(stage).slice(-2);
  const capture = (pane: string): string => tidy(tmux(stage, "capture-pane", "-e", "-p", "-t", pane), project);
  const { stdout } = await stage.cct("messages");
  return [
    { title: "web: claude", ansi: capture(first) },
    { title: "api: claude", ansi: capture(second) },
    { title: "you", ansi: `$ cct messages\n${stdout}` },
  ];
}

/** Types a prompt, with the script's name, by which the scripted model finds its words. */
async function begin(stage: Stage, session: Awaited<ReturnType<Stage["start"]>>, prompt: string, ...turns: Turn[]) {
  await session.type(`${prompt} ${stage.script(turns)}`);
  await session.key("Enter");
}

/** Without what is there only for the recording (the script's name, the throw-away folder), and without symbols that many fonts lack. */
const tidy = (ansi: string, project: string): string =>
  ansi
    .replace(/ PLAY [a-z0-9]+/g, "")
    .replaceAll(project, "~/shop")
    .replace("⏸ ", "")
    .replaceAll("⎿", "└");

const panes = (stage: Stage): string[] => tmux(stage, "list-panes", "-a", "-F", "#{pane_id}").trim().split("\n");

function tmux(stage: Stage, ...args: string[]): string {
  const socket = join(dirname(stage.home), "tmux");
  const [program, words] = stage.network.within(["tmux", "-S", socket, ...args]);
  return execFileSync(program, words, { encoding: "utf8" });
}
