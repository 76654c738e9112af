/** Types and helpers shared by the commands that are generated from operations. */
import type { Option } from "commander";
import type { Client } from "../../client/client.ts";
import type { Credentials } from "../../operations/core/identity.ts";
import type { CliName, OutputOf } from "../../operations/index.ts";
import type { Config } from "../../platform/config.ts";
import type { World } from "../../platform/world.ts";
import { type Screen, toJson } from "../parts/output.ts";
import { render } from "../views/views.ts";

export type Fields = Record<string, unknown>;

/** One call of an operation from the command line. */
export interface Call {
  world: World;
  screen: Screen;
  config: Config;
  client: Client;
  input: Fields;
  /** The peer that the command acts for; `undefined`: the operator. */
  me: Credentials | undefined;
  json: boolean;
  /** The values of a special command's own options. */
  options: Fields;
}

/** A command that does more than call its operation and print the answer. */
export interface Special {
  /** What the command makes of an argument, besides what the operation does. */
  arguments?: Readonly<Record<string, string>>;
  /** Options that are not inputs of the operation. */
  options(): Option[];
  /** What the arguments mean, where that depends on the options. */
  meant?(typed: Fields, hasFile: boolean): Fields;
  /** Makes the operation's input from what was typed. */
  toInput?(typed: Fields): Fields;
  /** Whether a peer may be looked up without a broker. */
  worksOffline(options: Fields, config: Config): boolean;
  run(call: Call): Promise<void>;
}

/** Prints an operation's output: as JSON with `--json`, else through its view. */
export function print<N extends CliName>({ screen, json, world }: Call, name: N, output: OutputOf<N>): void {
  screen.write(json ? toJson(output) : render(name, output, screen, world.now()));
  const { next } = Object(output);
  if (!json && typeof next === "string") screen.stderr.write(`There are more: --after ${next}\n`);
}
