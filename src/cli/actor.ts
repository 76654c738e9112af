/** For whom the command speaks. */
import type { Config } from "../config.ts";
import type { Credentials } from "../operations/operation.ts";
import type { World } from "../world.ts";

/** The peer in whose shell the command runs; `undefined`: the person, as the operator. */
export function actor(_world: World, _config: Config): Credentials | undefined {
  return undefined;
}
