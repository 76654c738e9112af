/** The page shows which agent a session is of, and what mail can do with it. */
import axe from "axe-core";
import { describe, expect, test } from "vitest";
import { ok } from "../support/api.ts";
import { startBroker } from "../support/broker.ts";
import { newPeer, stayAlive } from "../support/peers.ts";
import { noBrowser, openPage, visit } from "./chromium.ts";

describe.skipIf(noBrowser())("in the list and in the details", () => {
  test("a session of another agent has it beside its name, and says when it takes mail", async () => {
    const broker = await startBroker();
    const api = await newPeer(broker, "api");
    const gem = await newPeer(broker, "gem", { agent: "gemini", wakes: false });
    const plain = await newPeer(broker, "plain", { agent: "other", wakes: false, midturn: false });
    stayAlive(broker, api, gem, plain);
    for (const peer of [gem, plain])
      await ok(broker, "heartbeat", { host_pid: peer.place.host_pid, hooks: "quiet", held: [] }, peer);
    const { page } = await openPage(broker, { colorScheme: "light", bypassCSP: true });
    await visit(page, broker, "/now");
    const row = ({ peer_id }: { peer_id: string }) => page.locator(`[data-peer="${peer_id}"]`);
    await row(plain).waitFor();
    expect(await row(api).locator("b").textContent()).toBe("api");
    expect(await row(gem).locator("b").textContent()).toBe("gem (gemini)");
    expect(await row(gem).textContent()).toContain("no live hook");
    expect(await row(plain).locator("b").textContent()).toBe("plain (other)");
    expect(await row(plain).textContent()).not.toContain("no live hook");

    const details = page.getByRole("complementary", { name: "Details" });
    await row(plain).click();
    await details.getByText("plain: other: takes mail when it asks.").waitFor();
    expect(await details.locator(".callout").count()).toBe(0);
    await row(gem).click();
    await details.getByText("gemini does not take mail by itself").waitFor();
    await page.evaluate(axe.source);
    const found: { violations: unknown[] } = await page.evaluate("axe.run(document, { resultTypes: ['violations'] })");
    expect(found.violations).toEqual([]);
  });
});
