/** The map keeps what it has drawn, and all of it can be seen. */
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { ok } from "../support/api.ts";
import { newPeer } from "../support/peers.ts";
import { until } from "../support/wait.ts";
import { noBrowser, openPage, visit } from "./chromium.ts";
import { playScene } from "./scene.ts";

/** Notes what is written on the map, and whether all of it is inside. */
const NOTED = `{
  window.names = [];
  const draw = CanvasRenderingContext2D.prototype.fillText;
  CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
    const box = this.measureText(text);
    const matrix = this.getTransform();
    const { width, height } = this.canvas;
    const isIn = [x - box.actualBoundingBoxLeft, x + box.actualBoundingBoxRight].every((across) =>
      [y - box.actualBoundingBoxAscent, y + box.actualBoundingBoxDescent].every((down) => {
        const point = matrix.transformPoint(new DOMPoint(across, down));
        return point.x >= 0 && point.y >= 0 && point.x <= width && point.y <= height;
      }),
    );
    window.names.push({ text, isIn });
    return draw.call(this, text, x, y);
  };
}`;

const written = (page: Page): Promise<{ text: string; isIn: boolean }[]> => page.evaluate("window.names");

describe.skipIf(noBrowser()).each([
  ["320 pixels", { viewport: { width: 320, height: 640 } }],
  ["200 % of 1280 pixels", { viewport: { width: 640, height: 400 }, deviceScaleFactor: 2 }],
  ["1280 pixels", {}],
] as const)("at %s", (_what, screen) => {
  test("names on the map are inside of it, short ones as a whole, also among many sessions", async () => {
    const scene = await playScene();
    const long = (end: string): string => `a-session-with-a-long-name-${end}`;
    for (const end of ["a", "b"]) await newPeer(scene.broker, long(end), { summary: "long ".repeat(40) });
    const { page, complaints } = await openPage(scene.broker, screen);
    await page.context().addInitScript({ content: NOTED });
    await visit(page, scene.broker, "/map");
    const isWritten = async (text: string) => (await written(page)).some((one) => one.text === text);
    for (const name of ["web", "api", "tests", "payments", "ios"])
      await until(`${name} is written`, () => isWritten(name));
    const names = (await written(page)).map(({ text }) => text);
    // As much of both that one can tell them apart.
    for (const end of ["a", "b"])
      expect(names.some((text) => text.startsWith("a-") && text.endsWith(`-${end}`))).toBe(true);
    for (let i = 0; i < 45; i++) await newPeer(scene.broker, `${"s".repeat(1 + (i % 30))}${i}`, { host: `m${i % 3}` });
    await page.getByText(/5\d sessions,/).waitFor();
    expect((await written(page)).filter(({ isIn }) => !isIn)).toEqual([]);
    expect(complaints).toEqual([]);
  });
});

test.skipIf(noBrowser())(
  "lines of the map are kept when a session is looked at, and when another one has news",
  async () => {
    const scene = await playScene();
    const { page } = await openPage(scene.broker);
    // The numbers are asked for every ten seconds, and new ones are new lines: here they come once.
    let asked = 0;
    await page.route("**/page/api/traffic", (route) => (asked++ === 0 ? route.continue() : undefined));
    await page.evaluate(
      "Path2D = class extends Path2D { constructor() { super(); globalThis.paths = (globalThis.paths ?? 0) + 1; } }",
    );
    const lines = (): Promise<number> => page.evaluate("globalThis.paths ?? 0");
    await page.getByRole("link", { name: "Map" }).click();
    const pair = page.getByRole("button", { name: /web/ }).first();
    await pair.waitFor();
    // Focus draws, and so does presence.
    const frames = () =>
      page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))");
    await pair.focus();
    await until("it is drawn", async () => (await lines()) > 0);
    await frames();
    const drawn = await lines();
    await page.locator(".map-box canvas").first().hover();
    await frames();
    await ok(scene.broker, "heartbeat", { host_pid: scene.ios.place.host_pid, presence: "idle", held: [] }, scene.ios);
    await pair.focus();
    await frames();
    expect(await lines()).toBe(drawn);
  },
);
