/** Search and do: filters, and the way to a message that is long past. */
import type { Route } from "playwright-core";
import { describe, expect, test } from "vitest";
import { ok } from "../support/api.ts";
import { startBroker } from "../support/broker.ts";
import { newPeer, stayAlive } from "../support/peers.ts";
import { until } from "../support/wait.ts";
import { noBrowser, openPage } from "./chromium.ts";

describe.skipIf(noBrowser())("the box for everything", () => {
  test("finds a message of long ago by words and filters, shows it in its conversation, and leads back to the latest", async () => {
    const broker = await startBroker({ env: { CCT_SENDS_PER_MINUTE: "0", CCT_SENDS_PER_PAIR: "0" } });
    const [ann, ben] = [await newPeer(broker, "ann"), await newPeer(broker, "ben")];
    stayAlive(broker, ann, ben);
    await ok(broker, "send_message", { to: "ben", text: "the saffron is in the cellar" }, ann);
    await ok(broker, "send_message", { to: "ann", text: "which saffron?" }, ben);
    for (let i = 0; i < 70; i++) await ok(broker, "send_message", { to: "ben", text: `number ${i}` }, ann);
    const { page } = await openPage(broker);
    await page.locator(".peer").first().waitFor();
    // What comes after the found message is asked for, and is answered only once the latest messages are there.
    const held: Route[] = [];
    await page.route("**/page/api/messages", async (route) => {
      if (route.request().postDataJSON().after === undefined) await route.continue();
      else held.push(route);
    });
    await page.keyboard.press("/");
    await page.locator("[role=combobox]:focus").waitFor();
    await page.keyboard.type("from:ann saff");
    await page.getByRole("option", { name: /in the cellar/ }).waitFor();
    expect(await page.getByRole("option", { name: /which saffron/ }).count()).toBe(0);
    await page.keyboard.press("Enter");
    await page.locator(".msg.selected", { hasText: "in the cellar" }).waitFor();
    await until("the page to read on", () => held.length > 0);
    const latest = page.getByRole("button", { name: "Latest messages" });
    await latest.click();
    await page.locator(".msg", { hasText: "number 69" }).waitFor();
    for (const route of held) {
      const answered = page.waitForResponse((response) => response.request() === route.request());
      await route.continue();
      await (await answered).finished();
    }
    await ok(broker, "send_message", { to: "ben", text: "and one more" }, ann);
    await page.locator(".msg", { hasText: "and one more" }).waitFor();
    expect(await latest.count()).toBe(0);
  });

  test("does what one types", async () => {
    const broker = await startBroker();
    await newPeer(broker, "ann");
    const { page } = await openPage(broker);
    await page.locator(".peer").first().waitFor();
    /** Opens the box by a key, types the beginning of what it can do, and does that. */
    const act = async (key: string, typed: string): Promise<void> => {
      await page.keyboard.press(key);
      await page.locator("[role=combobox]:focus").waitFor();
      await page.keyboard.type(typed);
      await page.locator("[role=option][aria-selected=true]", { hasText: new RegExp(typed, "i") }).waitFor();
      await page.keyboard.press("Enter");
    };
    await act("Control+k", "go to br");
    await page.getByRole("heading", { name: "Broker", exact: true }).waitFor();
    await act("/", "light or");
    await page.locator("html[data-theme=dark]").waitFor();
    await act("/", "log this");
    const question = page.getByRole("dialog", { name: "Log out this browser, the one that you are using?" });
    await question.getByText("what you have typed and not sent is lost").waitFor();
    expect((await ok(broker, "list_browsers", {})).browsers).toHaveLength(1);
    await question.getByRole("button", { name: "Log out" }).click();
    await page.getByRole("heading", { name: "This browser is not logged in" }).waitFor();
    expect((await ok(broker, "list_browsers", {})).browsers).toEqual([]);
  });
});
