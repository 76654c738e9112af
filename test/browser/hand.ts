/** The three ways to do something on the page: with a pointer, with the keyboard alone, and by touch on a phone. */
import type { Locator, Page } from "playwright-core";
import { expect } from "vitest";

export const WAYS = ["pointer", "keyboard", "touch"] as const;
export type Way = (typeof WAYS)[number];

/** More stops than any view has here. */
const MOST_STOPS = 250;

export interface Hand {
  /** Presses a button, follows a link, makes a choice. */
  press(what: Locator): Promise<void>;
  write(field: Locator, text: string): Promise<void>;
  /** Goes to something that shows more then. */
  reach(what: Locator): Promise<void>;
}

const hasFocus = (what: Locator): Promise<boolean> => what.evaluate((one) => one.matches(":focus"));

/** The browser's focus and the keys that belong to what has it; nothing here calls `focus`. */
function keyboard(page: Page): Hand {
  async function tabTo(what: Locator): Promise<void> {
    await what.waitFor({ state: "attached" });
    for (let i = 0; i < MOST_STOPS; i++) {
      if (await hasFocus(what)) return;
      await page.keyboard.press("Tab");
    }
    throw new Error(`no Tab leads to ${what}`);
  }
  /** A group of choices is one stop; arrows choose in it. */
  async function choose(what: Locator): Promise<void> {
    await tabTo(what.locator("xpath=..").locator('[tabindex="0"]'));
    for (let i = 0; i < 10 && !(await hasFocus(what)); i++) await page.keyboard.press("ArrowRight");
    expect(await what.getAttribute("aria-checked")).toBe("true");
  }
  return {
    reach: tabTo,
    async press(what) {
      await what.waitFor();
      const role = await what.getAttribute("role");
      if (role === "radio") return choose(what);
      if (role === "option") {
        for (let i = 0; i < 20 && (await what.getAttribute("aria-selected")) !== "true"; i++)
          await page.keyboard.press("ArrowDown");
        expect(await what.getAttribute("aria-selected")).toBe("true");
      } else await tabTo(what);
      await page.keyboard.press("Enter");
    },
    async write(field, text) {
      await tabTo(field);
      await page.keyboard.type(text);
    },
  };
}

export function handOf(way: Way, page: Page): Hand {
  if (way === "keyboard") return keyboard(page);
  const press = (what: Locator): Promise<void> => (way === "touch" ? what.tap() : what.click());
  return {
    press,
    reach: (what) => (way === "touch" ? what.waitFor() : what.hover()),
    async write(field, text) {
      await press(field);
      await page.keyboard.type(text);
    },
  };
}
