/**
 * All views, with nobody there, with what needs a person and with 200 sessions, on large and small screens, with enlarged text, in
 * both themes and in forced colours: they can be used by everybody, and nothing is wider than the window.
 */
import type { BrowserContextOptions } from "playwright-core";
import { describe, expect, test } from "vitest";
import { ok } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { forFile } from "../support/cleanup.ts";
import { newPeer } from "../support/peers.ts";
import { noBrowser, openPage, PHONE, visit } from "./chromium.ts";
import { sideways, violations } from "./looks.ts";
import { playScene } from "./scene.ts";

const VIEWS = ["/now", "/talk", "/map", "/time", "/cost", "/broker"];

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

const SCENES: [who: string, play: () => Promise<TestBroker>][] = [
  ["nobody there", () => startBroker()],
  ["what needs a person", async () => (await playScene()).broker],
  ["200 sessions", crowd],
];
// A browser at 200 % has half of the pixels to lay out, and draws each of them as four.
const SCREENS: [what: string, screen: BrowserContextOptions, isChecked: boolean][] = [
  ["a large light screen", { colorScheme: "light" }, true],
  ["a dark phone", { ...PHONE, colorScheme: "dark" }, true],
  ["320 pixels", { viewport: { width: 320, height: 640 }, colorScheme: "light" }, false],
  ["200 % of 1280 pixels", { viewport: { width: 640, height: 400 }, deviceScaleFactor: 2 }, false],
];

describe.skipIf(noBrowser()).each(SCENES)("with %s", (who, play) => {
  let played: Promise<TestBroker> | undefined;

  test.each(SCREENS)(
    "on %s every view fits, and has no fault that axe-core knows",
    async (_what, screen, isChecked) => {
      played ??= forFile(play);
      const broker = await played;
      const { page, complaints } = await openPage(broker, { ...screen, bypassCSP: isChecked });
      const look = async (what: string): Promise<void> => {
        expect(await sideways(page), what).toBe(0);
        if (isChecked) expect(await violations(page), what).toEqual([]);
      };
      for (const path of VIEWS) {
        await visit(page, broker, path);
        await page.locator("main .loading").waitFor({ state: "detached" });
        await page.getByText("Loading…").waitFor({ state: "detached" });
        await look(path);
      }
      await visit(page, broker, "/now");
      await page.keyboard.press("c");
      const compose = page.getByRole("dialog", { name: "New message" });
      const box = await compose.boundingBox();
      const width = page.viewportSize()?.width ?? 0;
      expect([box && box.x >= 0, box && box.x + box.width <= width]).toEqual([true, true]);
      await look("New message");
      await page.keyboard.press("Escape");
      expect(complaints).toEqual([]);
      if (who !== "what needs a person") return;
      await page.locator(".peer").first().click();
      await page.getByRole("complementary", { name: "Details" }).locator("dl").waitFor();
      await look("details");
      await page.keyboard.press("Escape");
      for (const [key, name] of [
        ["/", "Search and do"],
        ["?", "Keyboard"],
      ] as const) {
        await page.keyboard.press(key);
        await page.getByRole("dialog", { name }).waitFor();
        await look(name);
        await page.keyboard.press("Escape");
      }
    },
  );
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
