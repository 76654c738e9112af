/** What commands start besides the command itself. `bin.ts` passes it in, so that the CLI does not load these parts. */
import type { Config } from "../../platform/config.ts";
import type { Move, Moved } from "../../rules/moves.ts";

export interface Launchers {
  startBroker(config: Config): Promise<{ url: string; abandoned: Promise<void>; close(): Promise<void> }>;
  move(config: Config, how: Move): Promise<Moved>;
}
