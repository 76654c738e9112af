/** A browser sends its cookies to every port of a machine. What a server at another port gets opens nothing. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, test } from "vitest";
import { refusal } from "../support/api.ts";
import { startBroker } from "../support/broker.ts";
import { atEnd } from "../support/cleanup.ts";
import { callFromPage, getFromPage } from "../support/page.ts";
import { noBrowser, openPage } from "./chromium.ts";

describe.skipIf(noBrowser())("a server at another port", () => {
  test("gets the cookie of a logged-in browser that opens it, and can do nothing with it", async () => {
    const broker = await startBroker();
    const { newTab } = await openPage(broker);
    let cookie: string | undefined;
    const other = createServer((request, response) => {
      cookie ??= request.headers.cookie;
      response.end("another server");
    });
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    atEnd(() => other.close());
    const tab = await newTab();
    await tab.goto(`http://127.0.0.1:${(other.address() as AddressInfo).port}/`);
    expect(cookie).toMatch(/^cct_[0-9a-f]{8}=[0-9a-f]{32}$/);
    expect(await tab.evaluate("localStorage.length")).toBe(0);
    const stolen = { cookie: String(cookie) };
    expect(refusal(await callFromPage(broker, stolen, "overview"))).toMatchObject({ status: 401 });
    expect(refusal(await getFromPage(broker, stolen, "/page/events"))).toMatchObject({ status: 401 });
  });
});
