/** The filters of the history, for commands that are not made from one operation. */
import type { Command } from "commander";
import { surface } from "../../operations/surface/snapshot.ts";
import { inWordsOf, optionOf } from "../parts/usage.ts";
import { inputOption } from "./options.ts";

const filters = ["with", "pool", "thread", "since", "before", "state", "urgency"] as const;

/** Runs a command that has these filters: errors of the broker name its options. `help`: as in `cct export`. */
export async function inWordsOfFilters<T>(help: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw inWordsOf(error, Object.fromEntries(filters.map((field) => [field, optionOf(field)])), help);
  }
}

/** Adds options as `cct messages` has them. Their values are inputs of the operations of the history. */
export function addFilters(command: Command, now: () => number): Command {
  const properties = surface.find(({ name }) => name === "messages")?.input.properties;
  for (const field of filters) command.addOption(inputOption(field, properties?.[field] ?? {}, now));
  return command;
}
