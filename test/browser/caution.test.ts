/** What is asked about before many are stopped, and what the page says while it cannot read. */
import { describe, expect, test } from "vitest";
import { ok } from "../support/api.ts";
import { newPeer } from "../support/peers.ts";
import { noBrowser, openPage, visit } from "./chromium.ts";
import { playScene } from "./scene.ts";

describe.skipIf(noBrowser())("on the page", () => {
  test("a read that fails is said, and repeated until it works", async () => {
    const scene = await playScene();
    const { page } = await openPage(scene.broker);
    const banner = page.getByText(/^Not up to date/);
    for (const [operation, what] of [
      ["attention", "what needs you"],
      ["overview", "the services"],
    ] as const) {
      await page.route(`**/page/api/${operation}`, (route) => route.abort());
      await ok(scene.broker, "send_message", { to: "operator", text: `${operation}?` }, scene.ios);
      const place = { kind: "db", name: operation, url: "http://127.0.0.1:1/", host: "elsewhere" };
      await ok(scene.broker, "register_service", place, scene.api);
      await banner.filter({ hasText: what }).waitFor();
      await page.unroute(`**/page/api/${operation}`);
      await banner.waitFor({ state: "detached" });
    }
    await page.locator(".need", { hasText: "attention?" }).waitFor();
    await visit(page, scene.broker, "/broker");
    await page.getByRole("rowheader", { name: "overview" }).waitFor();
  });

  test("one is asked before many are interrupted", async () => {
    const scene = await playScene();
    for (let i = 0; i < 3; i++) {
      const { name } = await newPeer(scene.broker, `helper-${i}`);
      await ok(scene.broker, "invite_to_pool", { pool: "checkout", peer: name }, scene.web);
    }
    const { page } = await openPage(scene.broker);
    await visit(page, scene.broker, "/talk/@checkout");
    await page.getByRole("textbox", { name: /Message to @checkout/ }).fill("Stop!");
    await page.getByRole("radio", { name: "Interrupt" }).click();
    await page.getByRole("button", { name: "Send" }).click();
    const question = page.getByRole("dialog", { name: "Interrupt 7 sessions?" });
    await question.getByRole("button", { name: "Cancel" }).click();
    expect(await page.locator(".composer textarea").inputValue()).toBe("Stop!");
    await page.getByRole("button", { name: "Send" }).click();
    await question.getByRole("button", { name: "Interrupt them" }).click();
    await page.locator(".msg.mine.interrupt", { hasText: "Stop!" }).waitFor();
    expect(await page.locator(".composer textarea").inputValue()).toBe("");
  });
});
