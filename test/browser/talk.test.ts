/** Conversations on the page: long ones, busy ones, and what is written into them. */
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { ok } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { newPeer, stayAlive, type TestPeer } from "../support/peers.ts";
import { until } from "../support/wait.ts";
import { noBrowser, openPage, visit } from "./chromium.ts";

const message = (page: Page, text: string) => page.locator(".msg", { has: page.getByText(text, { exact: true }) });
const talkOf = (...ids: string[]): string => `/talk/${ids.toSorted().join("~")}`;

/** Two sessions at a broker that lets them write as much as they like. */
async function two(): Promise<{ broker: TestBroker; ann: TestPeer; ben: TestPeer }> {
  const broker = await startBroker({ env: { CCT_SENDS_PER_MINUTE: "0", CCT_SENDS_PER_PAIR: "0" } });
  const [ann, ben] = [await newPeer(broker, "ann"), await newPeer(broker, "ben")];
  stayAlive(broker, ann, ben);
  return { broker, ann, ben };
}

describe.skipIf(noBrowser())("the list of conversations", () => {
  test("says when it leaves out old ones", async () => {
    const { broker, ann } = await two();
    const { page } = await openPage(broker);
    await visit(page, broker, "/talk");
    await page.getByText("Nothing was said yet").waitFor();
    // Each pair of 21 is a conversation: 210 of them.
    const all = [ann];
    for (let i = 1; i < 21; i++) all.push(await newPeer(broker, `peer-${i}`));
    for (const [i, to] of all.entries())
      await Promise.all(
        all.slice(i + 1).map((from) => ok(broker, "send_message", { to: to.name, text: "hello" }, from)),
      );
    await page.getByText("These are the 200 latest.").waitFor();
    await until("all are shown", async () => (await page.locator(".talks a").count()) === 200);
  });
});

describe.skipIf(noBrowser())("a conversation", () => {
  test("of two is theirs alone, and is read back to its first message and on to its last, however long it is", async () => {
    const { broker, ann, ben } = await two();
    await ok(broker, "create_pool", { name: "den", purpose: "x" }, ann);
    await ok(broker, "invite_to_pool", { pool: "den", peer: "ben" }, ann);
    const say = (to: string, text: string) => ok(broker, "send_message", { to, text }, ann);
    await say("ben", "the first");
    for (let i = 0; i < 28; i++) await Promise.all(Array.from({ length: 20 }, (_, j) => say("ben", `n${i}-${j}`)));
    await say("@den", "said in the pool");
    await say("ben", "the last");
    const { page } = await openPage(broker);
    await visit(page, broker, talkOf(ann.peer_id, ben.peer_id));
    await message(page, "the last").waitFor();
    expect(await message(page, "said in the pool").count()).toBe(0);
    const scrolledTo = async (place: number, text: string): Promise<void> => {
      await until(`${text} is there`, async () => {
        await page.locator(".stream-list").evaluate((list, to) => list.scrollTo(0, to * list.scrollHeight), place);
        return (await message(page, text).count()) > 0;
      });
    };
    await scrolledTo(0, "the first");
    await page.getByRole("button", { name: "Latest messages" }).waitFor();
    await scrolledTo(1, "the last");
    await page.getByRole("button", { name: "Latest messages" }).waitFor({ state: "detached" });
    await say("ben", "after the last");
    await scrolledTo(1, "after the last");

    await visit(page, broker, "/talk");
    await message(page, "after the last").waitFor();
    await ok(broker, "send_message", { to: "operator", text: "look here" }, ben);
    await page.locator(".talks a", { hasText: "look here" }).waitFor();
    expect(await message(page, "after the last").count()).toBe(1);

    // An answer to what was sent elsewhere moves nothing here.
    let letThrough = (): void => {};
    const isLetThrough = new Promise<void>((resolve) => (letThrough = resolve));
    await page.route("**/page/api/send_message", async (route) => {
      await isLetThrough;
      await route.continue();
    });
    await page.locator(".talks a", { hasText: "look here" }).click();
    await page.getByRole("textbox", { name: "Message to ben" }).fill("go");
    await page.getByRole("button", { name: "Send" }).click();
    await page.locator(".talks a", { hasText: "after the last" }).click();
    await message(page, "after the last").waitFor();
    await scrolledTo(0, "the first");
    await message(page, "the first").focus();
    await page.keyboard.press("r");
    await page.locator(".answering", { hasText: "the first" }).waitFor();
    letThrough();
    await page.locator(".toast").first().waitFor();
    expect(new URL(page.url()).pathname).toBe(talkOf(ann.peer_id, ben.peer_id));
    expect(await page.locator(".answering", { hasText: "the first" }).count()).toBe(1);
    expect(await message(page, "the first").count()).toBe(1);
  });

  test("is read although much is said elsewhere, and its line says what is unread as this changes", async () => {
    const { broker, ann, ben } = await two();
    const { page } = await openPage(broker);
    const line = page.locator(".talks a", { hasText: "ann" }).filter({ hasNotText: "ben" });
    await visit(page, broker, talkOf(ann.peer_id, ben.peer_id));
    await ok(broker, "send_message", { to: "operator", text: "Which port?" }, ann);
    await line.getByText("1 new").waitFor();
    let isOver = false;
    const noise = (async () => {
      for (let i = 0; !isOver; i++) {
        await ok(broker, "send_message", { to: "ben", text: `noise ${i}` }, ann);
        await page.waitForTimeout(50);
      }
    })();
    await line.click();
    await message(page, "Which port?").waitFor();
    await until("it is read", async () => (await ok(broker, "inbox", {})).unread === 0);
    isOver = true;
    await noise;
    await line.getByText("1 new").waitFor({ state: "detached" });

    // What is there stays when the rest of a long text cannot be read; that is tried again.
    let isRead = true;
    await page.route("**/page/api/messages", (route) => {
      isRead = false;
      return route.abort();
    });
    await ok(broker, "send_message", { to: "operator", text: "word ".repeat(2_000) }, ann);
    await until("it is asked for", () => !isRead);
    await page.locator(".msg", { hasText: "word word" }).waitFor();
    await page.unroute("**/page/api/messages");
    await page.getByRole("button", { name: "Show all (10 KB" }).waitFor();
    expect(await message(page, "Which port?").count()).toBe(1);
  });

  test("takes another text after a lost answer, and no interrupt twice; one to everybody is asked about", async () => {
    const { broker, ann, ben } = await two();
    for (const name of ["cat", "dan", "eve", "fay"]) stayAlive(broker, await newPeer(broker, name));
    const { page } = await openPage(broker);
    await visit(page, broker, talkOf("operator", ann.peer_id));
    const field = page.getByRole("textbox", { name: "Message to ann" });
    await page.route("**/page/api/send_message", async (route) => {
      await ok(broker, "send_message", route.request().postDataJSON());
      await route.abort();
    });
    await field.fill("Stop");
    await page.getByRole("radio", { name: "Interrupt" }).click();
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByRole("alert").getByText("The broker does not answer.").waitFor();
    await page.unroute("**/page/api/send_message");
    await field.fill("Stop, please");
    await page.getByRole("button", { name: "Send" }).click();
    await until("it is sent", async () => (await field.inputValue()) === "");
    expect(await page.getByRole("radio", { name: "Normal" }).getAttribute("aria-checked")).toBe("true");
    const { messages } = await ok(broker, "check_messages", { limit: 20 }, ann);
    expect(messages.map(({ text }) => text)).toEqual(["Stop", "Stop, please"]);

    await page.getByRole("link", { name: /Now/ }).click();
    await page.getByRole("button", { name: "Message" }).click();
    const dialog = page.getByRole("dialog", { name: "New message" });
    await dialog.getByRole("combobox").fill("@all");
    await dialog.getByRole("textbox", { name: "Text" }).fill("Stop, all of you");
    await dialog.getByRole("radio", { name: "Interrupt" }).click();
    await dialog.getByRole("button", { name: "Send" }).click();
    const question = page.getByRole("dialog", { name: "Interrupt 6 sessions?" });
    expect((await ok(broker, "check_messages", { limit: 20 }, ben)).messages).toEqual([]);
    await question.getByRole("button", { name: "Interrupt them" }).click();
    await question.waitFor({ state: "detached" });
    await visit(page, broker, "/talk/@all~operator");
    await message(page, "Stop, all of you").waitFor();
    await page.getByRole("textbox", { name: "Message to @all" }).waitFor();
  });
});
