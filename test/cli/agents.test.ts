/** What people read of sessions of other agents in commands. */
import { expect, test } from "vitest";
import { ok } from "../support/api.ts";
import { success } from "../support/cct.ts";
import { newPeer, stayAlive } from "../support/peers.ts";
import { personWithBroker } from "./person.ts";

test("peers, overview and send say which agent a session is of, and when that takes mail", async () => {
  const me = await personWithBroker();
  const api = await newPeer(me.broker, "api");
  const gem = await newPeer(me.broker, "gem", { agent: "gemini", wakes: false });
  const plain = await newPeer(me.broker, "plain", { agent: "other", wakes: false, midturn: false });
  stayAlive(me.broker, api, gem, plain);
  await ok(me.broker, "heartbeat", { host_pid: plain.place.host_pid, hooks: "quiet", held: [] }, plain);
  const listed = success(await me.cct("peers"));
  expect(listed).toMatch(/^api {2,}idle {2,}/m);
  expect(listed).toMatch(/^gem \(gemini\) {2,}idle, cannot be woken {2,}/m);
  expect(listed).toMatch(/^plain \(other\) {2,}idle, takes mail when it asks {2,}/m);
  expect(success(await me.cct("overview"))).toMatch(/^gem \(gemini\) {2,}idle/m);
  const sent = success(await me.cct("send", "gem (gemini)", "hello"));
  expect(sent).toMatch(/^queued for gem: gemini: takes mail at its next prompt; cannot be woken\n/);

  const checks: { findings: { check: string; verdict: string; found: string }[] } = JSON.parse(
    (await me.cct("doctor", "--json")).stdout,
  );
  const of = (agent: string) => checks.findings.find(({ check }) => check === agent);
  expect(of("gemini")).toMatchObject({
    verdict: "ok",
    found: "gem: takes mail while it works and at its next prompt; cannot be woken",
  });
  expect(of("other")).toMatchObject({ verdict: "ok", found: "plain: takes mail when it asks" });
  expect(of("claude")).toBeUndefined();
});
