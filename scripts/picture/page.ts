/** Takes pictures of the page in Debian's Chromium, with the scene's clock. */
import { chromium } from "playwright-core";
import { END, type Scene, ZONE } from "./scene.ts";

const FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--font-render-hinting=none"];
const LARGE = { width: 1200, height: 750 };
const PHONE = { width: 390, height: 780 };

interface Picture {
  /** Of the file, without `.png`. */
  name: string;
  /** The address within the page. */
  path: string;
  size: { width: number; height: number };
  colours: "light" | "dark";
  /** What has to be there before the picture is taken: a selector. */
  shows: string;
}

const pictures: readonly Picture[] = [
  { name: "page", path: "/now", size: LARGE, colours: "light", shows: ".need" },
  { name: "page-dark", path: "/now", size: LARGE, colours: "dark", shows: ".need" },
  { name: "page-talk", path: "/talk/@checkout", size: LARGE, colours: "light", shows: ".stream-list" },
  { name: "page-map", path: "/map", size: LARGE, colours: "light", shows: ".map-box" },
  { name: "page-time", path: "/time", size: LARGE, colours: "light", shows: ".time-row" },
  { name: "page-phone", path: "/now", size: PHONE, colours: "light", shows: ".need" },
];

/** Writes `<name>.png` into `folder` for each picture; answers with their paths. */
export async function takePictures({ url, ask }: Scene, folder: string, program: string): Promise<string[]> {
  const browser = await chromium.launch({ executablePath: program, args: FLAGS });
  const written: string[] = [];
  try {
    for (const { name, path, size, colours, shows } of pictures) {
      const context = await browser.newContext({
        viewport: size,
        deviceScaleFactor: size === PHONE ? 2 : 1.5,
        reducedMotion: "reduce",
        colorScheme: colours,
        timezoneId: ZONE,
        locale: "en-GB",
      });
      await context.clock.setFixedTime(END);
      const page = await context.newPage();
      await page.goto(`${url}/open#${(await ask("open_page", {})).code}`);
      await page.locator(".need").first().waitFor();
      await page.goto(`${url}${path}`);
      await page.locator(shows).first().waitFor();
      await page.evaluate("document.fonts.ready");
      // What comes with the feed is drawn at most four times a second.
      await page.waitForTimeout(1_000);
      const file = `${folder}/${name}.png`;
      await page.screenshot({ path: file });
      written.push(file);
      await context.close();
    }
  } finally {
    await browser.close();
  }
  return written;
}
