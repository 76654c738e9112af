/** Who asks the system for less motion gets a page on which nothing moves, also when the wish changes while it is open. */
import { expect, test } from "vitest";
import { ok } from "../support/api.ts";
import { until } from "../support/wait.ts";
import { noBrowser, openPage, visit } from "./chromium.ts";
import { playScene } from "./scene.ts";

/** Counts the points that are drawn on the lines of the map. */
const NOTED = `{
  window.moved = 0;
  const arc = CanvasRenderingContext2D.prototype.arc;
  CanvasRenderingContext2D.prototype.arc = function (...given) {
    if (this.canvas.className === "dots") window.moved += 1;
    return arc.apply(this, given);
  };
}`;

/** What moves by the style sheet. */
const MOVING = `[...document.querySelectorAll("*")].filter((one) => {
  const { animationName, transitionDuration } = getComputedStyle(one);
  return animationName !== "none" || transitionDuration.split(", ").some((time) => time !== "0s");
}).length + document.getAnimations().length`;

test.skipIf(noBrowser())(
  "with less motion nothing moves, and without that wish messages travel on the map",
  async () => {
    const { broker, web } = await playScene();
    const { page, complaints } = await openPage(broker, { reducedMotion: "reduce" });
    await page.context().addInitScript({ content: NOTED });
    const moved = (): Promise<number> => page.evaluate("window.moved");
    const say = (text: string) => ok(broker, "send_message", { to: "api", text }, web);
    for (const view of ["/now", "/talk", "/time", "/cost", "/broker", "/map"]) {
      await visit(page, broker, view);
      expect(await page.evaluate(MOVING), view).toBe(0);
    }
    await page
      .getByRole("button", { name: /web.*api|api.*web/ })
      .first()
      .waitFor();
    // What the details show of a session's talks comes with what begins a point's way.
    await page.keyboard.press("/");
    await page.locator("[role=combobox]:focus").waitFor();
    await page.keyboard.type("api");
    await page.locator("[role=option][aria-selected=true]", { hasText: "Orders API v2" }).waitFor();
    await page.keyboard.press("Enter");
    await say("without motion");
    await page.getByRole("complementary").getByText("without motion").first().waitFor();
    await page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))");
    expect(await moved()).toBe(0);
    await page.emulateMedia({ reducedMotion: "no-preference" });
    await say("with motion");
    await until("a point travels", async () => (await moved()) > 0);
    expect(complaints).toEqual([]);
  },
);
