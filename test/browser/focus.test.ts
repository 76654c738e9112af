/** What has the focus goes away: the next row of its list has it then, or the heading of the list, and never nothing. */
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { ok } from "../support/api.ts";
import { until } from "../support/wait.ts";
import { noBrowser, openPage, visit } from "./chromium.ts";
import { playNeedy } from "./needy.ts";

const titles = (page: Page): Promise<string[]> => page.locator(".need-title").allTextContents();
/** The row that has the focus, by its place in the list. */
const row = async (page: Page): Promise<string | null> =>
  (await page.locator(".need:focus .need-title").count()) === 0
    ? null
    : page.locator(".need:focus .need-title").textContent();

describe.skipIf(noBrowser())("the focus", () => {
  test("goes from each need that is settled to the next one, and at last to the heading", async () => {
    const { broker } = await playNeedy();
    const { page, complaints } = await openPage(broker);
    // A vote that is decided in a dialog.
    await page.locator(".need", { hasText: "Vote in @one" }).focus();
    await page.keyboard.press("a");
    await page.getByRole("dialog", { name: /Release ben/ }).waitFor();
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.locator(".need:focus", { hasText: "Vote in @two" }).waitFor();
    // The rest, of which some are shown later.
    await page.getByRole("button", { name: /^Show \d+ more/ }).focus();
    await page.keyboard.press("Enter");
    await until("the first of the others has the focus", async () => (await row(page)) !== null);
    const seventh = (await titles(page))[6];
    expect(await row(page)).toBe(seventh);
    for (let i = 0; i < 6; i++) await page.keyboard.press("k");
    for (let left = (await titles(page)).length; left > 0; left--) {
      const [, next] = await titles(page);
      await page.keyboard.press("e");
      await until("it is gone", async () => (await titles(page)).length < left);
      if (next !== undefined) await until("the next one has the focus", async () => (await row(page)) === next);
    }
    await page.locator("h1:focus", { hasText: "Nothing needs you" }).waitFor();
    expect(complaints).toEqual([]);
  });

  test("goes to the one before when the last row is settled, also by somebody else", async () => {
    const { broker } = await playNeedy();
    const { page } = await openPage(broker);
    await page.getByRole("button", { name: /^Show \d+ more/ }).click();
    const all = (await ok(broker, "attention", {})).needs;
    await until("all are shown", async () => (await titles(page)).length === all.length);
    await page.locator(".need").last().focus();
    await ok(broker, "dismiss_need", { need_id: all.at(-1)?.need_id ?? "" });
    await until("it is gone", async () => (await titles(page)).length === all.length - 1);
    await page.locator(".need:focus").waitFor();
    expect(await row(page)).toBe((await titles(page)).at(-1));
  });

  test("stays in lists of which one ends a row by its button", async () => {
    const { broker } = await playNeedy();
    for (const from of ["ann", "ben"]) await ok(broker, "inbound_policy", { peer: "eve", from, policy: "refuse" });
    await ok(broker, "inbound_policy", { peer: "fay", policy: "default" });
    const { page } = await openPage(broker);
    await visit(page, broker, "/broker");
    const end = page.getByRole("button", { name: /^End: Mail to eve from/ });
    await until("both are listed", async () => (await end.count()) === 2);
    await end.first().focus();
    await page.keyboard.press("Enter");
    await until("one is left", async () => (await end.count()) === 1);
    await until("it has the focus", () => end.evaluate((one) => one.matches(":focus")));
    await page.keyboard.press("Enter");
    await page.locator("h2:focus", { hasText: "Inbound policies" }).waitFor();

    const services = page.getByRole("region", { name: "Services" });
    const remove = services.getByRole("button", { name: "Remove…" });
    await until("both are listed", async () => (await remove.count()) === 2);
    for (const left of [1, 0]) {
      await remove.first().focus();
      await page.keyboard.press("Enter");
      await page.getByRole("dialog").getByRole("button", { name: "Remove" }).focus();
      await page.keyboard.press("Enter");
      await until("it is gone", async () => (await remove.count()) === left);
      if (left > 0) await until("the other has the focus", () => remove.evaluate((one) => one.matches(":focus")));
    }
    await page.locator("h2:focus", { hasText: "Services" }).waitFor();
  });

  test("comes back from a dialog and from the details, and stays away from who clicked beside", async () => {
    const { broker } = await playNeedy();
    const { page } = await openPage(broker);
    const peer = page.locator(".peer", { hasText: "fay's work" });
    await peer.focus();
    await page.keyboard.press("/");
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Escape");
    await page.locator(".peer:focus", { hasText: "fay's work" }).waitFor();
    await page.locator(".need").first().focus();
    await page.locator("main h1").click();
    await page.locator("main:focus").waitFor();
    const { need_id } = (await ok(broker, "attention", {})).needs[0] ?? { need_id: "" };
    const [first] = await titles(page);
    await ok(broker, "dismiss_need", { need_id });
    await until("it is gone", async () => !(await titles(page)).includes(first ?? ""));
    expect(await page.locator("main:focus").count()).toBe(1);
  });
});
