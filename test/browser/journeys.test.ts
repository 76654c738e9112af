/** What a person does on the page, by pointer, by keyboard and on a phone; the broker is asked what came of it. */
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { ok, refusal } from "../support/api.ts";
import { spawnBroker } from "../support/broker.ts";
import { callFromPage, newCode } from "../support/page.ts";
import { newPeer, stayAlive } from "../support/peers.ts";
import { freePort } from "../support/ports.ts";
import { until } from "../support/wait.ts";
import { newBrowser, noBrowser, openPage, PHONE, visit } from "./chromium.ts";
import { playScene, type Scene } from "./scene.ts";

const need = (page: Page, text: string) => page.locator(".need", { hasText: text });
const row = (page: Page, name: string) => page.locator(".peer", { has: page.getByText(name, { exact: true }) });
const textsTo = async ({ broker }: Scene, to: Scene["web"]) =>
  (await ok(broker, "check_messages", { limit: 20 }, to)).messages.map(({ text }) => text);
const noLonger = (what: ReturnType<typeof need>) => until("the row to go", async () => (await what.count()) === 0);
const heading = (page: Page) => page.locator("main h1").first().textContent();

describe.skipIf(noBrowser())("the page", () => {
  test("opens with a link that is used up, and shows who needs one, without a complaint of the browser", async () => {
    const scene = await playScene();
    const { page, complaints } = await openPage(scene.broker);
    const asks = "payments waits for your permission to use Bash";
    await need(page, asks).waitFor();
    expect(await heading(page)).toBe("3 need you");
    expect(await page.title()).toBe("(3) Now · CCT");
    expect(new URL(page.url())).toMatchObject({ pathname: "/now", hash: "" });
    await until("all sessions are shown", async () => (await page.locator(".peer-who b").count()) === 5);
    expect(await page.locator(".need-title").allInnerTexts()).toEqual([
      asks,
      "Vote in @checkout: release tests?",
      "web asks you",
    ]);
    expect(await need(page, asks).locator("code").textContent()).toBe("npm run migrate -- --to 0031");
    expect(await page.locator(".peer-who b").allInnerTexts()).toEqual(["ios", "api", "tests", "web", "payments"]);
    // What was said before it opened, also when something newer was said to the same.
    await until("all that was said", async () => (await page.locator(".feed-row").count()) === 4);
    for (const path of ["/talk/@checkout", "/map", "/time", "/cost", "/broker", "/now"])
      await visit(page, scene.broker, path);
    expect(complaints).toEqual([]);
  });

  test("shows what happens as it happens", async () => {
    const scene = await playScene();
    const { page, complaints } = await openPage(scene.broker);
    await ok(scene.broker, "send_message", { to: "tests", text: "Did the card step pass?" }, scene.ios);
    await page.locator(".feed-row", { hasText: "Did the card step pass?" }).waitFor();
    await newPeer(scene.broker, "docs", { summary: "writes the handbook" });
    await row(page, "docs").waitFor();
    await ok(scene.broker, "send_message", { to: "operator", text: "Which port?" }, scene.ios);
    await need(page, "ios asks you").waitFor();
    expect(complaints).toEqual([]);
  });

  test("mail to the operator is read once it was seen for a second", async () => {
    const scene = await playScene();
    const { page } = await openPage(scene.broker);
    const unread = async () => (await ok(scene.broker, "inbox", {})).unread;
    expect(await unread()).toBe(1);
    await visit(page, scene.broker, `/talk/${["operator", scene.web.peer_id].sort().join("~")}`);
    await until("it is read", async () => (await unread()) === 0);
  });

  test("a vote is decided by keyboard alone", async () => {
    const scene = await playScene();
    const { page } = await openPage(scene.broker);
    await need(page, "Vote in @checkout").waitFor();
    await page.keyboard.press("j");
    await page.keyboard.press("j");
    await page.keyboard.press("a");
    await page.getByRole("dialog", { name: "Release tests from @checkout?" }).waitFor();
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.getByText("tests is released from @checkout").waitFor();
    const { open_proposals, members } = await ok(scene.broker, "pool_status", { pool: "checkout" });
    expect(open_proposals).toEqual([]);
    expect(members.find(({ name }) => name === "tests")).toMatchObject({ released: true });
  });

  test("a row is dismissed by keyboard, and taken back", async () => {
    const scene = await playScene();
    const { page } = await openPage(scene.broker);
    await need(page, "web asks you").focus();
    await page.keyboard.press("e");
    await noLonger(need(page, "web asks you"));
    await page.getByRole("button", { name: "Undo" }).click();
    await need(page, "web asks you").waitFor();
    expect((await ok(scene.broker, "attention", {})).needs.map(({ kind }) => kind)).toContain("question");
  });

  test("a message is written by keyboard alone, and what to expect is said before", async () => {
    const scene = await playScene();
    const { page } = await openPage(scene.broker);
    await row(page, "ios").waitFor();
    await page.keyboard.press("c");
    await page.locator("[role=combobox]:focus").waitFor();
    await page.keyboard.type("tes");
    await page.getByRole("option", { name: /tests/ }).waitFor();
    await page.keyboard.press("Enter");
    await page.getByText("tests: idle and will be woken").waitFor();
    for (let i = 0; i < 2; i++) await page.keyboard.press("Tab");
    await page.keyboard.type("How far are you?");
    await page.keyboard.press("Control+Enter");
    await page.locator(".toast").waitFor();
    expect(await textsTo(scene, scene.tests)).toContain("How far are you?");
  });

  test("nothing typed is lost when a message is refused: the error is said where it was sent", async () => {
    const scene = await playScene();
    const { page } = await openPage(scene.broker);
    await row(page, "ios").waitFor();
    await page.keyboard.press("c");
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("combobox").fill("nobody");
    await dialog.getByRole("textbox", { name: "Text" }).fill("hello");
    await dialog.getByRole("button", { name: "Send" }).click();
    await dialog.getByRole("alert").waitFor();
    expect(await dialog.getByRole("alert").textContent()).toContain("nobody");
    expect(await dialog.getByRole("textbox", { name: "Text" }).inputValue()).toBe("hello");
  });

  test("details open by Enter, close by Esc, and the focus goes back", async () => {
    const scene = await playScene();
    const { page } = await openPage(scene.broker);
    await row(page, "payments").focus();
    await page.keyboard.press("Enter");
    const details = page.getByRole("complementary", { name: "Details" });
    await details.getByText("cd /home/ada/shop-payments").waitFor();
    await page.keyboard.press("Escape");
    await details.waitFor({ state: "detached" });
    await page.locator(".peer:focus", { hasText: "payments" }).waitFor();
  });

  test("search finds what was said and leads to it", async () => {
    const scene = await playScene();
    const { page } = await openPage(scene.broker);
    await row(page, "ios").waitFor();
    await page.keyboard.press("/");
    await page.locator("[role=combobox]:focus").waitFor();
    await page.keyboard.type("lacks");
    await page.getByRole("option", { name: /lacks/ }).waitFor();
    await page.keyboard.press("Enter");
    await page.locator(".msg", { hasText: "lacks eta" }).waitFor();
    expect(page.url()).toContain("/talk/");
    await page.goBack();
    await until("the view before", async () => (await heading(page)) === "3 need you");
  });

  test("dialogs open and close as fast as keys come", async () => {
    const scene = await playScene();
    const { page } = await openPage(scene.broker);
    await row(page, "ios").waitFor();
    for (let round = 0; round < 20; round++) {
      for (const [key, name] of [
        ["/", "Search and do"],
        ["c", "New message"],
        ["?", "Keyboard"],
      ] as const) {
        await page.keyboard.press(key);
        await page.getByRole("dialog", { name }).waitFor();
        await page.keyboard.press("Escape");
      }
    }
  });

  test("keys lead through the views, and into fields only as letters", async () => {
    const scene = await playScene();
    const { page } = await openPage(scene.broker);
    await row(page, "ios").waitFor();
    await page.keyboard.press("2");
    await page.locator(".talks").waitFor();
    await page.getByRole("link", { name: /@checkout/ }).click();
    await page.locator(".msg", { hasText: "Order is right." }).waitFor();
    await page.keyboard.press("r");
    await page.locator(".composer textarea:focus").waitFor();
    await page.keyboard.type("1 j c");
    expect(await page.locator(".composer textarea").inputValue()).toBe("1 j c");
    await page.keyboard.press("Escape");
    await page.keyboard.press("4");
    const later = page.getByRole("button", { name: "Later" });
    await later.waitFor();
    for (const [key, isPast] of Object.entries({ ArrowLeft: true, ArrowRight: false })) {
      await page.keyboard.press(key);
      await until(`the window moves by ${key}`, async () => (await later.isEnabled()) === isPast);
    }
    await page.keyboard.press("6");
    await page.getByRole("heading", { name: "Broker", exact: true }).waitFor();
    await page.keyboard.press("?");
    await page.getByRole("dialog").getByText("Previous, next conversation").waitFor();
  });

  test("the trail of a message says what became of it", async () => {
    const scene = await playScene();
    const { page } = await openPage(scene.broker);
    await visit(page, scene.broker, "/talk/@checkout");
    await page.locator(".msg", { hasText: "I lead this one" }).first().locator(".receipt").click();
    const details = page.getByRole("complementary", { name: "Details" });
    await details.getByText("payments: waits for its user's permission").waitFor();
    await ok(scene.broker, "check_messages", { limit: 20 }, scene.payments);
    await details
      .locator("li", { hasText: "payments" })
      .getByText(/^(claimed|delivered|read)/)
      .first()
      .waitFor();
  });

  test("works on a phone: list, conversation, back, answer by touch", async () => {
    const scene = await playScene();
    const { page, complaints } = await openPage(scene.broker, PHONE);
    await need(page, "web asks you").waitFor();
    await page.getByRole("link", { name: "Talk" }).tap();
    await page.getByRole("link", { name: /@checkout/ }).tap();
    await page.locator(".msg", { hasText: "Order is right." }).waitFor();
    await page.getByRole("textbox", { name: /Message to @checkout/ }).fill("Well done.");
    await page.getByRole("button", { name: "Send" }).tap();
    await page.locator(".msg.mine", { hasText: "Well done." }).waitFor();
    await page.getByRole("button", { name: "All conversations" }).tap();
    await page.getByRole("link", { name: /web/ }).first().waitFor();
    expect(complaints).toEqual([]);
  });

  test("seven tabs of a browser all load and follow, with one stream", async () => {
    const scene = await playScene();
    const { page, newTab } = await openPage(scene.broker);
    const tabs = [page];
    for (let i = 0; i < 6; i++) {
      const tab = await newTab();
      await visit(tab, scene.broker, "/now");
      tabs.push(tab);
    }
    for (const tab of tabs) await need(tab, "web asks you").waitFor();
    await ok(scene.broker, "send_message", { to: "tests", text: "To all tabs" }, scene.ios);
    for (const tab of tabs) await tab.locator(".feed-row", { hasText: "To all tabs" }).waitFor();
    await page.close();
    await ok(scene.broker, "send_message", { to: "tests", text: "Another one holds the stream now" }, scene.ios);
    for (const tab of tabs.slice(1)) await tab.locator(".feed-row", { hasText: "Another one holds" }).waitFor();
  });

  test("without a login there is nothing to see, and a logged-out browser is told so at once", async () => {
    const scene = await playScene();
    const stranger = await newBrowser(scene.broker);
    await stranger.page.goto(`${scene.broker.url}/now`);
    await stranger.page.getByText("cct open").first().waitFor();
    expect(await stranger.page.content()).not.toMatch(/payments|checkout/);

    const { page } = await openPage(scene.broker);
    const [cookie] = await page.context().cookies();
    expect(cookie).toMatchObject({ httpOnly: true, sameSite: "Strict" });
    expect(await page.evaluate("document.cookie")).toBe("");
    const key = await page.evaluate("localStorage.getItem('cct-login')");
    expect(key).toMatch(/^[0-9a-f]{32}$/);
    await ok(scene.broker, "revoke_browser", { browser: "all" });
    await page.getByRole("heading", { name: "This browser is not logged in" }).waitFor();
    const login = { cookie: `${cookie?.name}=${cookie?.value}`, "x-cct-page": String(key) };
    const again = await callFromPage(scene.broker, login, "overview");
    expect(refusal(again)).toMatchObject({ status: 401 });
  });

  test("a browser that was logged out and in again shows everything in the new tab, and goes on in the old one", async () => {
    const scene = await playScene();
    const { page, newTab } = await openPage(scene.broker);
    await ok(scene.broker, "revoke_browser", { browser: "all" });
    await page.getByRole("heading", { name: "This browser is not logged in" }).waitFor();
    const tab = await newTab();
    await tab.goto(`${scene.broker.url}/open#${await newCode(scene.broker)}`);
    for (const one of [tab, page]) await need(one, "web asks you").waitFor();
    await ok(scene.broker, "send_message", { to: "tests", text: "Both are here" }, scene.ios);
    for (const one of [tab, page]) await one.locator(".feed-row", { hasText: "Both are here" }).waitFor();
  });
});

describe.skipIf(noBrowser())("the broker ends and comes back:", () => {
  test("the page says so, keeps what was typed, and goes on without a reload", async () => {
    const port = await freePort();
    const first = await spawnBroker({ port });
    const ann = await newPeer(first, "ann");
    await newPeer(first, "ben");
    await ok(first, "send_message", { to: "ben", text: "before" }, ann);
    const { page } = await openPage(first);
    await visit(page, first, "/talk");
    await page.getByRole("link", { name: /ann/ }).click();
    await page.locator(".msg", { hasText: "before" }).waitFor();
    await page.locator(".composer textarea").fill("half a sentence");
    await first.stop("SIGKILL");
    await page.getByText("No connection to the broker.").waitFor();
    expect(await page.getByRole("button", { name: "Send" }).isDisabled()).toBe(true);
    const again = await spawnBroker({ home: first.home, port });
    stayAlive(again, ann);
    await page.getByText("No connection to the broker.").waitFor({ state: "detached" });
    await ok(again, "send_message", { to: "ben", text: "after" }, ann);
    await page.locator(".msg", { hasText: "after" }).waitFor();
    expect(await page.locator(".body").allInnerTexts()).toEqual(["before", "after"]);
    expect(await page.locator(".composer textarea").inputValue()).toBe("half a sentence");
  });
});
