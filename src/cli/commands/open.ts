/** `cct open`: opens the page in a browser, and logs that browser in with a code that works once. */
import { spawn } from "node:child_process";
import type { Command } from "commander";
import { ensureBroker } from "../../client/local.ts";
import { loadConfig } from "../../platform/config.ts";
import { writeWhole } from "../../platform/files.ts";
import { paths, prepareHome } from "../../platform/home.ts";
import { isOnThisMachine } from "../../platform/network.ts";
import type { World } from "../../platform/world.ts";
import { withClient } from "../parts/broker.ts";
import type { Context } from "../parts/context.ts";
import { example, toJson } from "../parts/output.ts";
import { UsageError } from "../parts/usage.ts";
import { showToPhone } from "./open-phone.ts";

interface OpenOptions {
  print?: boolean;
  phone?: boolean;
  address?: string;
  json?: boolean;
}

export function addOpenCommand(program: Command, context: Context): void {
  program
    .command("open")
    .alias("page")
    .addHelpText("after", example("open"))
    .description(
      "Opens the page in your browser: who needs you, what is said, and whether it arrived. Over ssh it prints the link and the tunnel. The link logs one browser in, once, within a minute.",
    )
    .option("--print", "only print the link")
    .option(
      "--phone",
      "show the link as a QR code, for a phone on the same network; it sees and does what you can here",
    )
    .option("--address <address>", "with --phone: the address of this machine that the phone reaches")
    .option("--json", "the link as JSON")
    .action((options: OpenOptions) => openPage(context, options));
}

async function openPage({ world, screen }: Context, options: OpenOptions): Promise<void> {
  if (options.address !== undefined && !options.phone)
    throw new UsageError("--address goes with --phone.", "Leave it out, or add --phone.");
  const config = loadConfig(world);
  prepareHome(config.home, world.user, false);
  await withClient(world, config, async (client) => {
    await ensureBroker(world, config, client);
    if (options.phone) return showToPhone(client, screen, options);
    const { code, expires_at } = await client.call("open_page", {});
    const broker = client.inUse() ?? "";
    const url = `${broker}/open#${code}`;
    const tunnel = isRemoteShell(world) && isOnThisMachine(broker) ? tunnelTo(world, broker) : undefined;
    if (options.json) return screen.write(toJson({ url, expires_at, ...(tunnel !== undefined && { tunnel }) }));
    const opener = options.print || tunnel !== undefined ? undefined : openerOf(world);
    if (opener && (await openWith(world, opener, redirect(world, config.home, url)))) {
      screen.write(`The page opens in your browser: ${broker}\nIf it does not: cct open --print\n`);
      return;
    }
    const first =
      tunnel === undefined
        ? ""
        : `On the machine with the browser, first:\n  ${tunnel}\nThen, there, within a minute:\n`;
    screen.write(`${first}${first === "" ? "" : "  "}${url}\n`);
  });
}

/** A browser here would open on a screen that nobody sees. */
const isRemoteShell = ({ env }: World): boolean => Boolean(env.SSH_CONNECTION || env.SSH_TTY);

function tunnelTo(world: World, broker: string): string {
  const { port } = new URL(broker);
  // The address that this session came to is one that the other machine can reach.
  const [, , address] = (world.env.SSH_CONNECTION ?? "").split(" ");
  return `ssh -N -L ${port}:127.0.0.1:${port} ${world.username}@${address || world.hostname}`;
}

type Opener = [program: string, ...args: string[]];

function openerOf({ env }: World): Opener | undefined {
  if (process.platform === "darwin") return ["open"];
  if (process.platform === "win32") return ["rundll32", "url.dll,FileProtocolHandler"];
  return env.DISPLAY || env.WAYLAND_DISPLAY ? ["xdg-open"] : undefined;
}

/**
 * A file of the user's own that leads to the link. The arguments of a program are visible to every user of the machine, so the
 * link is not one of them.
 */
function redirect(world: World, home: string, url: string): string {
  const file = paths(home).openPage;
  const html = `<!doctype html><meta charset="utf-8"><title>CCT</title><meta http-equiv="refresh" content="0; url=${url}">\n`;
  writeWhole(file, html, world.newId());
  return file;
}

/** A program that cannot open a browser says so within this time. */
const FAILS_WITHIN_MS = 2_000;

/** Whether the program started and did not fail at once. */
function openWith(world: World, [program, ...args]: Opener, file: string): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(program, [...args, file], { detached: true, stdio: "ignore", env: world.env });
    // Until then the command waits: it says whether the page opens.
    const timer = setTimeout(() => done(true), FAILS_WITHIN_MS);
    const done = (works: boolean): void => {
      clearTimeout(timer);
      child.unref();
      resolve(works);
    };
    child.once("error", () => done(false));
    child.once("exit", (code) => done(code === 0));
  });
}
