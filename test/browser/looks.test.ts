/** What the page shows must be readable for everybody, and stay what it is, whatever sessions write. */
import axe from "axe-core";
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { ok } from "../support/api.ts";
import { startBroker } from "../support/broker.ts";
import { newPeer } from "../support/peers.ts";
import { noBrowser, openPage, PHONE, visit } from "./chromium.ts";
import { playScene } from "./scene.ts";

interface Violation {
  id: string;
  nodes: { html: string; failureSummary?: string }[];
}

/** What axe-core finds wrong. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const found: { violations: Violation[] } = await page.evaluate("axe.run(document, { resultTypes: ['violations'] })");
  return found.violations.flatMap(({ id, nodes }) =>
    nodes.map((one) => `${id}: ${one.html} ${one.failureSummary ?? ""}`),
  );
}

const sideways = (page: Page): Promise<number> =>
  page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");

const VIEWS = ["/now", "/talk/@checkout", "/map", "/time", "/cost", "/broker"];
const SCREENS = [
  ["a large light screen", { colorScheme: "light" }],
  ["a dark phone", { ...PHONE, colorScheme: "dark" }],
  ["a screen of 320 pixels", { viewport: { width: 320, height: 640 }, colorScheme: "light" }],
] as const;

describe.skipIf(noBrowser()).each(SCREENS)("on %s", (_what, screen) => {
  test("no view has a fault that axe-core knows, nor scrolls sideways", async () => {
    const scene = await playScene();
    // Only here: axe-core is no file of the page.
    const { page } = await openPage(scene.broker, { ...screen, bypassCSP: true });
    for (const path of VIEWS) {
      await visit(page, scene.broker, path);
      await page.locator("main [data-item]:visible, main dl:visible, main .tile:visible").first().waitFor();
      expect(await violations(page), path).toEqual([]);
      expect(await sideways(page), path).toBe(0);
    }
    await visit(page, scene.broker, "/now");
    await page.locator(".peer").first().click();
    await page.getByRole("complementary", { name: "Details" }).locator("dl").waitFor();
    expect(await violations(page), "details").toEqual([]);
    await page.keyboard.press("Escape");
    for (const [key, name] of [
      ["/", "Search and do"],
      ["c", "New message"],
      ["?", "Keyboard"],
    ] as const) {
      await page.keyboard.press(key);
      await page.getByRole("dialog", { name }).waitFor();
      expect(await violations(page), name).toEqual([]);
      await page.keyboard.press("Escape");
    }
  });
});

const WORD = "x".repeat(60_000);
const EVIL = [
  "<script>document.title = 'taken'</script><img src=x onerror=\"document.title='taken'\">",
  "turned \u202egnp.exe\u202c zero\u200bwidth tag\u{e0041}",
  "مرحبا بالعالم — שלום עולם — 你好，世界 — 👩‍💻",
  "```html\n<b>code</b>\n```",
  WORD,
];

describe.skipIf(noBrowser())("texts of sessions", () => {
  test.each([
    ["a large screen", {}],
    ["a phone", PHONE],
  ])("are shown as text, with what is hidden by name, and fit on %s", async (_what, screen) => {
    const broker = await startBroker();
    const long = "a-very-long-session-name-of-forty-chars-x";
    const host = "a-machine-with-a-name-of-sixty-characters.in.a.very.long.domain";
    const ann = await newPeer(broker, long.slice(0, 40), { host, summary: `<b>bold</b> ${"w".repeat(300)}` });
    await newPeer(broker, "ben", { summary: "\u202eturned" });
    for (const text of EVIL) await ok(broker, "send_message", { to: "ben", text }, ann);
    await ok(broker, "send_message", { to: "operator", text: EVIL.join("\n").slice(0, 3_000) }, ann);
    const { page, complaints } = await openPage(broker, screen);
    for (const path of ["/now", "/talk", `/talk/${["operator", ann.peer_id].sort().join("~")}`]) {
      await visit(page, broker, path);
      await page.locator("main [data-item]:visible").first().waitFor();
      expect(await sideways(page), path).toBe(0);
      // What is in a text is no element of the page.
      expect(await page.locator("main script, main img").count(), path).toBe(0);
      expect(await page.getByText("bold", { exact: true }).count(), path).toBe(0);
    }
    await page.locator(".msg").first().waitFor();
    expect(await page.title()).not.toBe("taken");
    expect(await page.locator(".msg .hidden-char").allInnerTexts()).toEqual(
      expect.arrayContaining(["RLO", "PDF", "ZWSP", "U+E0041"]),
    );
    expect(complaints).toEqual([]);
  });
});
