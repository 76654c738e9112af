/** The connection to the broker ends: every tab says so at once. */
import { expect, test } from "vitest";
import { spawnBroker } from "../support/broker.ts";
import { newPeer } from "../support/peers.ts";
import { noBrowser, openPage, visit } from "./chromium.ts";

/** Notes, in the page, when the stream of changes ended, when the page asked again, and when it said that it is alone. */
const NOTED = `{
  window.noted = [];
  const note = (what) => window.noted.push(what + " at " + Math.round(performance.now()));
  const read = ReadableStreamDefaultReader.prototype.read;
  ReadableStreamDefaultReader.prototype.read = function (...given) {
    const part = read.apply(this, given);
    part.then(({ done }) => done && note("ended"), () => note("ended"));
    return part;
  };
  const ask = window.fetch;
  window.fetch = (...given) => {
    note("asked");
    return ask(...given);
  };
  let isShown = false;
  new MutationObserver(() => {
    const wasShown = isShown;
    isShown = document.querySelector(".banner[role=alert]") !== null;
    if (isShown && !wasShown) note("shown");
  }).observe(document, { childList: true, subtree: true });
}`;

test.skipIf(noBrowser())(
  "the broker is killed: the banner is there before the page asks again, in each tab",
  async () => {
    const broker = await spawnBroker();
    await newPeer(broker, "ann");
    const { page, newTab } = await openPage(broker);
    await page.context().addInitScript({ content: NOTED });
    const tab = await newTab();
    for (const one of [page, tab]) {
      await visit(one, broker, "/now");
      await one.locator(".peer", { hasText: "ann" }).waitFor();
    }
    await broker.stop("SIGKILL");
    for (const one of [page, tab]) await one.getByText("No connection to the broker.").waitFor();
    const noted = (await Promise.all([page, tab].map((one) => one.evaluate<string[]>("window.noted")))).find((all) =>
      all.some((what) => what.startsWith("ended")),
    );
    const steps = (noted ?? []).map((what) => what.split(" ")[0]);
    expect(steps.slice(steps.lastIndexOf("ended"))[1], noted?.join(", ")).toBe("shown");
  },
);
