import type { World } from "../world.ts";
export async function runCli(world: World): Promise<number> {
  const { startBroker } = await import("../broker/main.ts");
  const { loadConfig } = await import("../config.ts");
  const b = await startBroker(world, loadConfig(world));
  console.log(b.url);
  return 0;
}
