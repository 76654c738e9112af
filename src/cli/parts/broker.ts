/** Access to brokers: a client for the duration of a command. */
import type { Client } from "../../client/client.ts";
import { localClient } from "../../client/local.ts";
import type { Config } from "../../platform/config.ts";
import type { World } from "../../platform/world.ts";

/** Runs `work` with a client of the configured brokers, or of this home's broker; closes the client afterwards. */
export async function withClient<T>(world: World, config: Config, work: (client: Client) => Promise<T>): Promise<T> {
  const client = localClient(config, world);
  try {
    return await work(client);
  } finally {
    client.close();
  }
}
