/** Whatever sessions write, the page shows it as text, and it fits. */
import { describe, expect, test } from "vitest";
import { ok } from "../support/api.ts";
import { startBroker } from "../support/broker.ts";
import { newPeer } from "../support/peers.ts";
import { noBrowser, openPage, PHONE, visit } from "./chromium.ts";
import { sideways } from "./looks.ts";

const WORD = "x".repeat(60_000);
const EVIL = [
  "<script>document.title = 'taken'</script><img src=x onerror=\"document.title='taken'\">",
  "turned \u202egnp.exe\u202c zero\u200bwidth tag\u{e0041}",
  "مرحبا بالعالم — שלום עולם — 你好，世界 — 👩‍💻",
  "```html\n<b>code</b>\n```",
  WORD,
];

describe.skipIf(noBrowser())("texts of sessions", () => {
  test.each([
    ["a large screen", {}],
    ["a phone", PHONE],
  ])("are shown as text, with what is hidden by name, and fit on %s", async (_what, screen) => {
    const broker = await startBroker();
    const long = "a-very-long-session-name-of-forty-chars-x";
    const host = "a-machine-with-a-name-of-sixty-characters.in.a.very.long.domain";
    const ann = await newPeer(broker, long.slice(0, 40), { host, summary: `<b>bold</b> ${"w".repeat(300)}` });
    await newPeer(broker, "ben", { summary: "\u202eturned" });
    for (const text of EVIL) await ok(broker, "send_message", { to: "ben", text }, ann);
    await ok(broker, "send_message", { to: "operator", text: EVIL.join("\n").slice(0, 3_000) }, ann);
    const { page, complaints } = await openPage(broker, screen);
    for (const path of ["/now", "/talk", `/talk/${["operator", ann.peer_id].sort().join("~")}`]) {
      await visit(page, broker, path);
      await page.locator("main [data-item]:visible").first().waitFor();
      expect(await sideways(page), path).toBe(0);
      // What is in a text is no element of the page.
      expect(await page.locator("main script, main img").count(), path).toBe(0);
      expect(await page.getByText("bold", { exact: true }).count(), path).toBe(0);
    }
    await page.locator(".msg").first().waitFor();
    expect(await page.title()).not.toBe("taken");
    expect(await page.locator(".msg .hidden-char").allInnerTexts()).toEqual(
      expect.arrayContaining(["RLO", "PDF", "ZWSP", "U+E0041"]),
    );
    expect(complaints).toEqual([]);
  });
});
