/** What needs a person is settled on a phone by touch; the broker is asked what came of it. */
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { ok } from "../support/api.ts";
import { until } from "../support/wait.ts";
import { noBrowser, openPage, PHONE } from "./chromium.ts";
import { playScene } from "./scene.ts";

const need = (page: Page, text: string) => page.locator(".need", { hasText: text });
const press = (page: Page, text: string, button: string) =>
  need(page, text).getByRole("button", { name: button }).tap();

describe.skipIf(noBrowser())("on a phone", () => {
  test("each kind of row is settled by touch: kept, let through, removed, dismissed, and where a session waits", async () => {
    const { broker, api, ios, payments } = await playScene();
    await ok(broker, "inbound_policy", { peer: "ios", policy: "hold", from: "payments" });
    const { message_id } = await ok(broker, "send_message", { to: "ios", text: "the key?" }, payments);
    const orders = { kind: "database", name: "orders-db", url: "http://127.0.0.1:1/", host: "elsewhere" };
    const { service_id } = await ok(broker, "register_service", orders, api);
    for (let i = 0; i < 3; i++) await ok(broker, "renew_service", { service_id, health: "unhealthy" }, api);
    const { page, complaints } = await openPage(broker, PHONE);
    const kinds = async () => (await ok(broker, "attention", {})).needs.map(({ kind }) => kind).sort();
    expect(await kinds()).toEqual(["blocked", "held", "question", "service", "vote"]);

    await press(page, "release tests", "Keep");
    await page.getByText("tests stays in @checkout").waitFor();
    const { open_proposals, members } = await ok(broker, "pool_status", { pool: "checkout" });
    expect(open_proposals).toEqual([]);
    expect(members.find(({ name }) => name === "tests")).toMatchObject({ released: false });

    await press(page, "held for ios", "Let through");
    await page.getByText("1 message let through to ios").waitFor();
    expect((await ok(broker, "message_status", { message_id })).recipients).toMatchObject([{ state: "queued" }]);

    await press(page, "orders-db", "Remove");
    await page.getByText("orders-db is off the list").waitFor();
    expect((await ok(broker, "list_services", {}, ios)).services).toEqual([]);

    await press(page, "May the form remember", "Dismiss (e)");
    await until("it is put aside", async () => (await kinds()).join() === "blocked");

    await press(page, "payments", "Where is it?");
    await page.getByRole("complementary", { name: "Details" }).getByText("cd /home/ada/shop-payments").waitFor();
    expect(complaints).toEqual([]);
  });
});
