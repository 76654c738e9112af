/** What a person sets from the page: what mailboxes take, and the roles in a pool. */
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { ok } from "../support/api.ts";
import { until } from "../support/wait.ts";
import { noBrowser, openPage, PHONE, visit } from "./chromium.ts";
import { playScene, type Scene } from "./scene.ts";

const details = (page: Page) => page.getByRole("complementary", { name: "Details" });
const card = (page: Page) => page.getByRole("region", { name: "Inbound policies" });

const policiesOf = async ({ broker }: Scene) =>
  (await ok(broker, "list_policies", {})).policies.map(({ name, from, policy }) => `${name} ${policy} ${from}`).sort();
const rolesOf = async ({ broker }: Scene) =>
  Object.fromEntries(
    (await ok(broker, "pool_status", { pool: "checkout" })).members.map(({ name, role }) => [name, role]),
  );

describe.skipIf(noBrowser())("from the page", () => {
  test("an inbound policy is set by pointer, taken back, and ended", async () => {
    const scene = await playScene();
    const { page, complaints } = await openPage(scene.broker);
    await visit(page, scene.broker, "/broker");
    await card(page).getByText("Every mailbox accepts all mail.").waitFor();
    const set = async (): Promise<void> => {
      await card(page).getByRole("combobox", { name: "Mailbox" }).fill("ap");
      await card(page).getByRole("option", { name: /api/ }).click();
      await card(page).getByRole("combobox", { name: "From" }).fill("@checkout");
      await card(page).getByRole("radio", { name: "Refuse" }).click();
      await card(page).getByRole("button", { name: "Set" }).click();
      await page.getByText("Mail to api from @checkout is refused", { exact: true }).first().waitFor();
    };
    await set();
    expect(await policiesOf(scene)).toEqual(["api refuse @checkout"]);
    await page.getByRole("button", { name: "Undo" }).click();
    await page.getByText("Taken back").waitFor();
    expect(await policiesOf(scene)).toEqual([]);
    await set();
    await card(page).getByRole("button", { name: "End: Mail to api from @checkout is refused" }).click();
    await card(page).getByText("Every mailbox accepts all mail.").waitFor();
    await page.getByText("No longer: Mail to api from @checkout is refused").waitFor();
    expect(await policiesOf(scene)).toEqual([]);
    await page.getByRole("button", { name: "Undo" }).click();
    await until("it is back", async () => (await policiesOf(scene)).length === 1);
    expect(complaints).toEqual([]);
  });

  test("a session's policies are set in its details by keyboard alone", async () => {
    const scene = await playScene();
    const { page } = await openPage(scene.broker);
    await page.locator(".peer", { hasText: "ios" }).focus();
    await page.keyboard.press("Enter");
    await details(page).getByText("It accepts all mail.").waitFor();
    await details(page).getByRole("combobox", { name: "From" }).focus();
    await page.keyboard.type("paym");
    await details(page)
      .getByRole("option", { name: /payments/ })
      .waitFor();
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await details(page).getByRole("button", { name: "End: Mail to ios from payments is refused" }).waitFor();
    expect(await policiesOf(scene)).toEqual(["ios refuse payments"]);
    const sent = await ok(scene.broker, "send_message", { to: "ios", text: "no entry" }, scene.payments);
    expect(sent.recipients).toMatchObject([{ state: "refused" }]);
  });

  test("a role is changed and the lead passed on, on a phone by touch, and by keyboard; both are taken back", async () => {
    const scene = await playScene();
    const { page } = await openPage(scene.broker, PHONE);
    await visit(page, scene.broker, "/talk/@checkout");
    await page.getByRole("button", { name: "4 members: details" }).tap();
    await details(page).getByRole("button", { name: "Role of api" }).tap();
    await details(page).getByRole("textbox", { name: "New role of api" }).fill("reviewer");
    await details(page).getByRole("button", { name: "Save" }).tap();
    await page.getByText("api is now reviewer in @checkout").waitFor();
    expect(await rolesOf(scene)).toMatchObject({ web: "lead", api: "reviewer" });
    await details(page).getByRole("button", { name: "Role of api" }).focus();
    await page.keyboard.press("Enter");
    await page.keyboard.type("lead");
    await page.keyboard.press("Enter");
    await page.getByText("api is now lead in @checkout").waitFor();
    expect(await rolesOf(scene)).toMatchObject({ web: "member", api: "lead" });
    await page.getByRole("button", { name: "Undo" }).tap();
    await page.getByText("Taken back").waitFor();
    expect(await rolesOf(scene)).toMatchObject({ web: "lead", api: "reviewer" });
  });
});
