/** Small windows, enlarged text and forced colours: all views, with nobody there and with 200 sessions. */
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { ok } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { newPeer } from "../support/peers.ts";
import { noBrowser, openPage, visit } from "./chromium.ts";
import { playScene } from "./scene.ts";

const VIEWS = ["/now", "/talk", "/map", "/time", "/cost", "/broker"];

/** What is wider than the window. */
const sideways = (page: Page): Promise<number> =>
  page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");

/** 200 sessions on four machines, some with a name as long as names get, in all states, and what they said. */
async function crowd(): Promise<TestBroker> {
  const broker = await startBroker({ env: { CCT_SENDS_PER_MINUTE: "0", CCT_SENDS_PER_PAIR: "0" } });
  const long = (i: number): string => `session-with-a-long-name-of-its-own-${i}`.slice(0, 40);
  const peers = [];
  for (let i = 0; i < 200; i++)
    peers.push(
      await newPeer(broker, i % 5 === 0 ? long(i) : `s${i}`, {
        host: i % 4 === 0 ? "a-machine-with-a-name-of-sixty-characters.in.a.long.domain" : `machine-${i % 4}`,
        summary: `Task ${i}: ${"words ".repeat(i % 20)}`,
      }),
    );
  for (const [i, to] of peers.entries())
    if (i > 0) await ok(broker, "send_message", { to: to.name, text: `note ${i}` }, peers[i - 1]);
  return broker;
}

// A browser at 200 % has half of the pixels to lay out, and draws each of them as four.
const SMALL = [
  ["320 pixels", { viewport: { width: 320, height: 640 } }],
  ["200 % of 1280 pixels", { viewport: { width: 640, height: 400 }, deviceScaleFactor: 2 }],
] as const;

describe.skipIf(noBrowser()).each(SMALL)("at %s", (_what, screen) => {
  test.each([
    ["nobody there", () => startBroker()],
    ["what needs a person", async () => (await playScene()).broker],
    ["200 sessions", crowd],
  ])("with %s no view scrolls sideways", async (_who, start) => {
    const broker = await start();
    const { page, complaints } = await openPage(broker, screen);
    for (const path of VIEWS) {
      await visit(page, broker, path);
      await page.locator("main h1").first().waitFor();
      expect(await sideways(page), path).toBe(0);
    }
    await page.keyboard.press("c");
    const box = await page.getByRole("dialog").boundingBox();
    const { width } = screen.viewport;
    expect([box && box.x >= 0, box && box.x + box.width <= width]).toEqual([true, true]);
    expect(complaints).toEqual([]);
  });
});

describe.skipIf(noBrowser())("in forced colours", () => {
  test("each state has a shape of its own, buttons have an edge, and what is chosen or focused is seen", async () => {
    const scene = await playScene();
    const { page } = await openPage(scene.broker, { forcedColors: "active" });
    const dots = page.locator(".peer .dot");
    await dots.first().waitFor();
    // Drawn as different shapes, so that colour is not needed.
    const shapes = await dots.evaluateAll((all) =>
      all.map((dot): [string, string] => [dot.getAttribute("class") ?? "", dot.innerHTML]),
    );
    const byState = new Map(shapes);
    expect(byState.size).toBeGreaterThan(2);
    expect(new Set(byState.values()).size).toBe(byState.size);
    const styleOf = (place: string, name: string): Promise<string> =>
      page.evaluate(`getComputedStyle(document.querySelector('${place}')).${name}`);
    const style = (name: string) => styleOf(".need-actions button", name);
    expect(await style("borderTopStyle")).not.toBe("none");
    const [chosen, other] = [".rail a[aria-current]", ".rail a:not([aria-current])"];
    expect(await styleOf(chosen, "backgroundColor")).not.toBe(await styleOf(other, "backgroundColor"));
    await page.keyboard.press("Tab");
    await page.locator(".need-actions button").first().focus();
    expect(await style("outlineStyle")).not.toBe("none");
  });
});
