/** Which command does what an operation does, for texts of the broker that name one. */
import { surface } from "../../operations/surface/snapshot.ts";
import { nameOperations } from "../../rules/vocabulary.ts";

/** Operations that are a part of a command. */
const within: readonly [string, string][] = [
  ["notify_status", "cct notify"],
  ["notify_test", "cct notify test"],
  ["list_services", "cct service list"],
  ["register_service", "cct service register"],
  ["unregister_service", "cct service unregister"],
  ["invite_device", "cct device invite"],
  ["join_device", "cct join"],
];

const commands = new Map([
  ...within,
  ...surface.flatMap(({ name, cli }): [string, string][] =>
    cli ? [[name, `cct ${cli.replace(/ [<[].*$/, "")}`]] : [],
  ),
]);

/** The text with commands in place of operations and tools. */
export const withCommands = (text: string): string => nameOperations(text, commands);
