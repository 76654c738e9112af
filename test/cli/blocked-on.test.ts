/** Commands name what a session waits for at a permission dialog. */
import { expect, test } from "vitest";
import { ok } from "../support/api.ts";
import { success } from "../support/cct.ts";
import { newPeer, stayAlive } from "../support/peers.ts";
import { personWithBroker } from "./person.ts";

test("cct attention, peers and overview say which tool a session waits to use, and attention what for", async () => {
  const me = await personWithBroker();
  const ann = await newPeer(me.broker, "ann");
  stayAlive(me.broker, ann);
  const blocked_on = { tool: "Bash", what: "npm \u202etest" };
  await ok(me.broker, "heartbeat", { host_pid: ann.place.host_pid, held: [], presence: "blocked", blocked_on }, ann);
  const shown = success(await me.cct("attention"));
  expect(shown).toMatch(/ann waits for your permission to use Bash .*npm test +in \//);
  for (const command of ["peers", "overview"]) expect(success(await me.cct(command))).toMatch(/ann +blocked \(Bash\)/);
});
