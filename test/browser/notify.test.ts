/** Notifications of the browser: what is told while the page is in nobody's sight, once, and where they lead. */
import type { BrowserContext, Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { ok } from "../support/api.ts";
import type { TestPeer } from "../support/peers.ts";
import { until } from "../support/wait.ts";
import { noBrowser, openPage, visit } from "./chromium.ts";
import { playScene } from "./scene.ts";

/** Notes what the page shows, and lets a test put its tab out of sight. A headless browser has no place for notifications. */
const WATCHED = `
if (location.protocol !== "about:") {
  window.told = [];
  window.Notification = class {
    static permission = localStorage.getItem("test-permission") ?? "default";
    static async requestPermission() {
      window.wasClick = navigator.userActivation.isActive;
      localStorage.setItem("test-permission", "granted");
      return (this.permission = "granted");
    }
    constructor(title, { body, tag } = {}) { Object.assign(this, { title, body, tag }); window.told.push(this); }
    close() { this.isClosed = true; }
  };
  // A new page that is out of sight, and remembers nothing.
  let isHidden = localStorage.getItem("test-hidden") === "yes";
  if (isHidden) localStorage.removeItem("cct-notified");
  Object.defineProperty(document, "visibilityState", { get: () => (isHidden ? "hidden" : "visible") });
  window.hide = (hidden) => { isHidden = hidden; document.dispatchEvent(new Event("visibilitychange")); };
}`;

const watch = (context: BrowserContext) => context.addInitScript({ content: WATCHED });
const hide = (page: Page, hidden = true) => page.evaluate(`hide(${hidden})`);
const told = (page: Page): Promise<string[]> =>
  page.evaluate(
    "told.filter(({ tag }) => tag !== 'cct test').map(({ title, body }) => [title, body].filter(Boolean).join(' / '))",
  );
const remembered = (page: Page): Promise<string> => page.evaluate("localStorage.getItem('cct-notified') ?? ''");
const card = (page: Page) => page.getByRole("region", { name: "Notifications of this browser" });

async function turnOn(page: Page): Promise<void> {
  await card(page).getByRole("button", { name: "Turn on" }).click();
  await card(page).getByRole("button", { name: "Turn off" }).waitFor();
}

describe.skipIf(noBrowser())("a browser's notifications", () => {
  test("are off until one turns them on by a click; then each need is told once, by one tab, and leads to its row", async () => {
    const { broker, web, ios } = await playScene();
    const { page, newTab, complaints } = await openPage(broker);
    await watch(page.context());
    await visit(page, broker, "/broker");
    const other = await newTab();
    await visit(other, broker, "/now");
    await hide(page);
    await hide(other);
    await ok(broker, "send_message", { to: "operator", text: "off?" }, ios);
    await other.locator(".need", { hasText: "ios" }).waitFor();
    expect([...(await told(page)), ...(await told(other))]).toEqual([]);
    await hide(page, false);
    await turnOn(page);
    expect(await page.evaluate("wasClick")).toBe(true);
    await ok(broker, "inbound_policy", { peer: "ios", policy: "hold" });
    await ok(broker, "send_message", { to: "ios", text: "a secret" }, web);
    // Seen while the page was in sight, so it is not told later.
    await until("the tab that tells has it", async () => /"held\./.test(await remembered(page)));
    await hide(page);
    await ok(broker, "send_message", { to: "operator", text: "which key?" }, web);
    const all = async () => [...(await told(page)), ...(await told(other))];
    await until("it is told", async () => (await all()).length > 0);
    await ok(broker, "send_message", { to: "web", text: "a loop" }, ios);
    await other.locator(".feed-row", { hasText: "a loop" }).waitFor();
    expect(await all()).toEqual([expect.stringMatching(/^web [^/]*you$/)]);
    await page.evaluate("told.at(-1).onclick()");
    await page.locator(".need:focus", { hasText: "which key?" }).waitFor();
    expect(new URL(page.url()).pathname).toBe("/now");
    expect(complaints).toEqual([]);
  });

  test("tell the kinds that one wants, with text only where one wants it", async () => {
    const { broker, web, payments } = await playScene();
    const { page } = await openPage(broker);
    await watch(page.context());
    await visit(page, broker, "/broker");
    await turnOn(page);
    await card(page).getByRole("checkbox", { name: "Questions to you" }).uncheck();
    await card(page)
      .getByRole("checkbox", { name: /beginning of the text/ })
      .check();
    await hide(page);
    await ok(broker, "send_message", { to: "operator", text: "not told" }, payments);
    await ok(broker, "inbound_policy", { peer: "ios", policy: "hold" });
    await ok(broker, "send_message", { to: "ios", text: "told with its text" }, web);
    await until("it is told", async () => (await told(page)).length > 0);
    expect(await told(page)).toEqual(["1 message from web held for ios / told with its text"]);
    await page.reload();
    await hide(page);
    await page.getByText("Live").first().waitFor({ state: "attached" });
    await ok(broker, "send_message", { to: "ios", text: "and another one" }, payments);
    await until("it is told", async () => (await told(page)).length > 0);
    expect(await told(page)).toEqual(["1 message from payments held for ios / and another one"]);
  });

  test("tell of a session that waits once more, and of several in one, which stays until all of them are gone", async () => {
    const { broker, tests, payments, ios } = await playScene();
    const { page } = await openPage(broker);
    await watch(page.context());
    await visit(page, broker, "/broker");
    await turnOn(page);
    const beat = (peer: TestPeer, presence: "blocked" | "active") =>
      ok(broker, "heartbeat", { host_pid: peer.place.host_pid, presence, held: [] }, peer);
    await until("what is there was seen", async () => /"blocked\./.test(await remembered(page)));
    await hide(page);
    await beat(payments, "active");
    await beat(payments, "blocked");
    await until("it is told", async () => (await told(page)).length > 0);
    expect(await told(page)).toEqual([expect.stringMatching(/^payments /)]);

    for (const peer of [tests, ios]) await beat(peer, "blocked");
    await page.evaluate("localStorage.setItem('test-hidden', 'yes')");
    await page.reload();
    await until("they are told", async () => (await told(page)).length > 0);
    expect(await told(page)).toEqual(["4 things need you"]);
    const isClosed = (): Promise<boolean> => page.evaluate("told[0].isClosed === true");
    await ok(broker, "send_message", { to: "operator", text: "which key?" }, tests);
    await until("one more is told", async () => (await told(page)).length > 1);
    expect(await isClosed()).toBe(false);
    for (const peer of [payments, tests, ios]) await beat(peer, "active");
    for (const { need_id, kind, name } of (await ok(broker, "attention", {})).needs)
      if (kind === "question" && name === "web") await ok(broker, "dismiss_need", { need_id });
    await until("it is closed", isClosed);
  });
});
