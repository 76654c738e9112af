/** The map keeps what it has drawn. */
import { expect, test } from "vitest";
import { ok } from "../support/api.ts";
import { until } from "../support/wait.ts";
import { noBrowser, openPage } from "./chromium.ts";
import { playScene } from "./scene.ts";

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
