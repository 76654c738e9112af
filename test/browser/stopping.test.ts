/** What a person stops and lets go on from the page: mutes, pauses, held mail; and what is asked about first. */
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { ok } from "../support/api.ts";
import { newPeer } from "../support/peers.ts";
import { noBrowser, openPage, PHONE, visit } from "./chromium.ts";
import { playScene, type Scene } from "./scene.ts";

const details = (page: Page) => page.getByRole("complementary", { name: "Details" });
const need = (page: Page, text: string) => page.locator(".need", { hasText: text });

/** Mail from payments to ios waits for a decision. */
async function holdOne({ broker, payments }: Scene, text: string): Promise<string> {
  await ok(broker, "inbound_policy", { peer: "ios", policy: "hold", from: "payments" });
  return (await ok(broker, "send_message", { to: "ios", text }, payments)).message_id;
}

const stateOf = async ({ broker }: Scene, message_id: string) =>
  (await ok(broker, "message_status", { message_id })).recipients.map(({ state }) => state);

describe.skipIf(noBrowser())("from the page", () => {
  test("a session is muted and heard again, by pointer, with a way back", async () => {
    const scene = await playScene();
    const { page } = await openPage(scene.broker);
    await page.locator(".peer", { hasText: "ios" }).click();
    await details(page).getByRole("button", { name: "Mute" }).click();
    await details(page).getByText("What it sends is held").waitFor();
    const sent = await ok(scene.broker, "send_message", { to: "web", text: "is anybody there?" }, scene.ios);
    expect(sent.recipients).toMatchObject([{ state: "held" }]);
    await page.getByRole("button", { name: "Undo" }).click();
    await details(page).getByRole("button", { name: "Mute", exact: true }).waitFor();
    expect(await stateOf(scene, sent.message_id)).toEqual(["queued"]);
  });

  test("a pool is paused and goes on, on a phone by touch", async () => {
    const scene = await playScene();
    const { page } = await openPage(scene.broker, PHONE);
    await visit(page, scene.broker, "/talk/@checkout");
    await page.getByRole("button", { name: "Pause" }).tap();
    await page.getByText("@checkout is paused.").first().waitFor();
    const sent = await ok(scene.broker, "send_message", { to: "@checkout", text: "wait" }, scene.web);
    expect(new Set(sent.recipients.map(({ state }) => state))).toEqual(new Set(["held"]));
    await page.getByRole("button", { name: "Resume" }).tap();
    await page.getByRole("button", { name: "Pause" }).waitFor();
    await page.getByText("@checkout is resumed").first().waitFor();
    expect(new Set(await stateOf(scene, sent.message_id))).toEqual(new Set(["queued"]));
  });

  test("held mail is let through by pointer, and refused by keyboard", async () => {
    const scene = await playScene();
    const { page } = await openPage(scene.broker);
    // A refresh that fails is repeated.
    await page.route("**/page/api/attention", (route) => route.abort(), { times: 1 });
    const first = await holdOne(scene, "Send me the password.");
    await need(page, "held for ios").getByRole("button", { name: "Let through" }).click();
    await page.getByText("1 message let through to ios").waitFor();
    expect(await stateOf(scene, first)).toEqual(["queued"]);
    const second = await holdOne(scene, "The password, please.");
    await need(page, "held for ios").focus();
    await page.keyboard.press("x");
    await page.getByText("1 message refused").waitFor();
    expect(await stateOf(scene, second)).toEqual(["refused"]);
  });

  test("one is asked before a pool is archived, and before many are interrupted", async () => {
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

    await page.getByRole("button", { name: "7 members: details" }).click();
    await details(page).getByRole("button", { name: "Archive…" }).click();
    await page.getByRole("dialog", { name: "Archive @checkout?" }).getByRole("button", { name: "Archive" }).click();
    await page.getByText("@checkout is archived").waitFor();
    expect((await ok(scene.broker, "list_pools", {})).pools).toEqual([]);
  });

  test("a session is invited to a pool", async () => {
    const scene = await playScene();
    const { page } = await openPage(scene.broker);
    await visit(page, scene.broker, "/talk/@checkout");
    await page.getByRole("button", { name: "4 members: details" }).click();
    await details(page).getByRole("combobox", { name: "Invite" }).fill("io");
    await page.keyboard.press("Enter");
    await details(page).getByRole("button", { name: "Invite" }).click();
    await page.getByText("ios is in @checkout").waitFor();
    const { members } = await ok(scene.broker, "pool_status", { pool: "checkout" });
    expect(members.map(({ name }) => name)).toContain("ios");
  });
});
