/** Parts of the page that come when they are first needed, and do not come. */
import type { Locator, Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { spawnBroker, startBroker } from "../support/broker.ts";
import { newCode } from "../support/page.ts";
import { newPeer } from "../support/peers.ts";
import { freePort } from "../support/ports.ts";
import { newBrowser, noBrowser, openPage, visit } from "./chromium.ts";
import { playScene } from "./scene.ts";

const scriptOf = (part: string): RegExp => new RegExp(`/page/files/${part}-[^/]+\\.js$`);
const goTo = (page: Page, view: string) => page.getByRole("link", { name: view }).click();
const heading = (page: Page, text: string) => page.getByRole("heading", { name: text, exact: true });
const tryAgain = (page: Page | Locator) => page.getByRole("button", { name: "Try again" });
const reload = (page: Page | Locator) => page.getByRole("button", { name: "Reload the page" });

/** Errors of the page. Of a file that does not come the browser writes a line of its own. */
const errorsIn = (complaints: string[]) => complaints.filter((line) => /uncaught|unhandled/i.test(line));

describe.skipIf(noBrowser())("a file of the page that does not come:", () => {
  test("the view says so, other views go on, and it comes when one tries again", async () => {
    const { broker } = await playScene();
    const { page, complaints } = await openPage(broker);
    await page.route(scriptOf("map"), (route) => route.abort());
    await goTo(page, "Map");
    await heading(page, "Map could not be loaded").waitFor();
    await page.getByText("The broker answers, but a file of the page did not come.").waitFor();
    await goTo(page, "Time");
    await heading(page, "Where the time went").waitFor();
    await goTo(page, "Map");
    await tryAgain(page).click();
    await page.getByText("It did not come this time either. Reload the page.").waitFor();
    await page.unroute(scriptOf("map"));
    await tryAgain(page).click();
    await heading(page, "Who talks with whom").waitFor();
    expect(errorsIn(complaints)).toEqual([]);
  });

  test("a reload brings it", async () => {
    const { broker } = await playScene();
    const { page } = await openPage(broker);
    await page.route(scriptOf("cost"), (route) => route.abort());
    await goTo(page, "Cost");
    await heading(page, "Cost could not be loaded").waitFor();
    await page.unroute(scriptOf("cost"));
    await reload(page).click();
    await heading(page, "What mail has cost").waitFor();
  });

  test("a broker that has become another version is named as the reason, and a reload as what to do", async () => {
    const { broker } = await playScene();
    const { page, complaints } = await openPage(broker);
    await page.route(scriptOf("broker"), (route) => route.fulfill({ status: 404 }));
    await page.route(`${broker.url}/`, (route) => route.fulfill({ body: '<script src="/page/files/main-NEXT.js">' }));
    await goTo(page, "Broker");
    await page.getByText("The broker has become another version since this page was opened.").waitFor();
    expect(await tryAgain(page).count()).toBe(0);
    await page.unrouteAll();
    await reload(page).click();
    await heading(page, "Broker").waitFor();
    expect(errorsIn(complaints)).toEqual([]);
  });

  test("details, a new message, notifications and the end of a long list say so in their places", async () => {
    const broker = await startBroker();
    for (let i = 0; i < 40; i++) await newPeer(broker, `s${String(i).padStart(2, "0")}`);
    const { page, complaints } = await newBrowser(broker);
    for (const part of ["details", "compose-dialog", "notify", "virtual"])
      await page.route(scriptOf(part), (route) => route.abort());
    await page.goto(`${broker.url}/open#${await newCode(broker)}`);
    await page.getByText(/^Notifications, and .* could not be loaded/).waitFor();
    await page.getByText("The rest of the list could not be loaded.").waitFor();
    await page.locator(".peer", { hasText: "s00" }).click();
    const details = page.getByRole("complementary", { name: "Details" });
    await details.getByRole("heading", { name: "Details could not be loaded" }).waitFor();
    await page.keyboard.press("Escape");
    await details.waitFor({ state: "detached" });
    await page.keyboard.press("c");
    const compose = page.getByRole("dialog", { name: "New message" });
    await compose.getByText("The form could not be loaded.").waitFor();
    await page.unrouteAll();
    await tryAgain(compose).click();
    await compose.getByRole("textbox", { name: "Text" }).waitFor();
    await page.keyboard.press("Escape");
    await page.locator(".peer", { hasText: "s00" }).click();
    await tryAgain(details).click();
    await details.locator("dl").waitFor();
    await page.locator(".banner").getByRole("button", { name: "Try again" }).click();
    await page.locator(".banner").waitFor({ state: "detached" });
    await page.locator(".lacking").getByRole("button", { name: "Try again" }).click();
    await page.locator(".lacking").waitFor({ state: "detached" });
    expect(errorsIn(complaints)).toEqual([]);
  });

  test("one who leaves before it came sees no error", async () => {
    const { broker } = await playScene();
    const { page, complaints } = await openPage(broker);
    const isAsked = page.waitForRequest(scriptOf("map"));
    // Never answered.
    await page.route(scriptOf("map"), () => {});
    await goTo(page, "Map");
    await isAsked;
    await visit(page, broker, "/now");
    expect(complaints).toEqual([]);
  });
});

test.skipIf(noBrowser())("a view that is opened while the broker is away comes when the broker is back", async () => {
  const port = await freePort();
  const first = await spawnBroker({ port });
  const { page, complaints } = await openPage(first);
  await first.stop("SIGKILL");
  await page.getByText("No connection to the broker.").waitFor();
  await goTo(page, "Broker");
  await heading(page, "Broker could not be loaded").waitFor();
  const view = page.locator(".empty");
  await view.getByText("The broker did not answer.").waitFor();
  expect(await reload(view).isDisabled()).toBe(true);
  await spawnBroker({ home: first.home, port });
  await heading(page, "Broker").waitFor();
  expect(errorsIn(complaints)).toEqual([]);
});
