/** Two brokers on one database: what happens at one is on the other's page, and the page outlives its broker. */

import { describe, expect, test } from "vitest";
import { ok } from "../support/api.ts";
import { spawnBroker } from "../support/broker.ts";
import { newPeer, stayAlive } from "../support/peers.ts";
import { freePort } from "../support/ports.ts";
import { hasPostgres, startPostgres } from "../support/postgres.ts";
import { noBrowser, openPage, visit } from "./chromium.ts";

const isLacking = noBrowser() || !hasPostgres("the page of one of two brokers");

describe.skipIf(isLacking)("the page of one of two brokers", () => {
  test("shows what happens at the other, says when its own is gone, and has everything once when it is back", async () => {
    const server = await startPostgres();
    const env = { CCT_DATABASE_URL: await server.database() };
    const port = await freePort();
    const [own, other] = await Promise.all([spawnBroker({ env, port }), spawnBroker({ env })]);
    const [ann, bob] = [await newPeer(other, "ann"), await newPeer(other, "bob")];
    stayAlive(other, ann, bob);
    const say = (text: string) => ok(other, "send_message", { to: "bob", text }, ann);
    await say("before");
    const { page } = await openPage(own);
    await visit(page, own, "/now");
    await page.locator(".peer", { hasText: "bob" }).waitFor();
    await ok(other, "send_message", { to: "operator", text: "Which port?" }, ann);
    await page.locator(".need", { hasText: "ann asks you" }).waitFor();

    await visit(page, own, `/talk/${[ann.peer_id, bob.peer_id].sort().join("~")}`);
    const said = () => page.locator(".msg .body").allInnerTexts();
    const shows = (text: string) => page.locator(".msg", { hasText: text }).first().waitFor();
    await shows("before");
    await say("from the other broker");
    await shows("from the other broker");

    await own.stop("SIGKILL");
    await page.getByText("No connection to the broker.").waitFor();
    await say("while it was gone");
    const again = await spawnBroker({ env, home: own.home, port });
    await page.getByText("No connection to the broker.").waitFor({ state: "detached" });
    await shows("while it was gone");
    await say("after");
    await shows("after");
    expect(await said()).toEqual(["before", "from the other broker", "while it was gone", "after"]);
    await page.locator(".composer textarea").fill("From the page.");
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByText("From the page.").first().waitFor();
    const { messages } = await ok(again, "messages", {});
    expect(messages.filter(({ text }) => text === "From the page.")).toHaveLength(1);
  });
});
