/** The page in a real browser: Debian's Chromium, headless, with a profile of its own. */
import { existsSync } from "node:fs";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import type { TestBroker } from "../support/broker.ts";
import { atEnd, forFile } from "../support/cleanup.ts";
import { notRun } from "../support/not-run.ts";
import { newCode } from "../support/page.ts";

const path = process.env.CCT_TEST_CHROMIUM ?? "/usr/bin/chromium";

/** For `describe.skipIf`: without a browser the tests are listed as not run. */
export const noBrowser = (): boolean => !existsSync(path) && notRun("the page in a browser", "no Chromium");

const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--font-render-hinting=none",
];

let running: Promise<Browser> | undefined;

/** One browser for a test file; each page has cookies and storage of its own. */
function browser(): Promise<Browser> {
  running ??= forFile(async () => {
    const launched = await chromium.launch({ executablePath: path, args: FLAGS });
    atEnd(async () => {
      running = undefined;
      await launched.close();
    });
    return launched;
  });
  return running;
}

export interface Seen {
  page: Page;
  /** What the browser complained of: lines of its console, violations of the policy, errors, requests elsewhere. */
  complaints: string[];
  /** Another tab of the same browser. */
  newTab(): Promise<Page>;
}

const LARGE = { viewport: { width: 1280, height: 800 } };
export const PHONE: BrowserContextOptions = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

/** What was done can be taken back for six seconds: for a test on a slow machine that is too short. */
const PATIENT = `{
  const later = window.setTimeout;
  window.setTimeout = (work, ms, ...given) => later(work, ms === 6_000 ? 600_000 : ms, ...given);
}`;

/** A browser that nobody logged in. */
export async function newBrowser(broker: Pick<TestBroker, "url">, options: BrowserContextOptions = {}): Promise<Seen> {
  const context = await (await browser()).newContext({ ...LARGE, reducedMotion: "reduce", ...options });
  atEnd(() => context.close());
  // So long that only a hang exceeds it, also on a loaded machine.
  context.setDefaultTimeout(120_000);
  await context.addInitScript({ content: PATIENT });
  const complaints: string[] = [];
  context.on("console", (line) => complaints.push(line.text()));
  context.on("weberror", (error) => complaints.push(String(error.error())));
  context.on("request", (request) => {
    if (!request.url().startsWith(broker.url)) complaints.push(`asked ${request.url()}`);
  });
  await context.addInitScript({
    content:
      "addEventListener('securitypolicyviolation', (event) => console.error('policy:', event.violatedDirective))",
  });
  return { page: await context.newPage(), complaints, newTab: () => context.newPage() };
}

/** A browser that is logged in with a link, as `cct open` makes it, and shows the first view. */
export async function openPage(broker: TestBroker, options: BrowserContextOptions = {}): Promise<Seen> {
  const seen = await newBrowser(broker, options);
  await seen.page.goto(`${broker.url}/open#${await newCode(broker)}`);
  await seen.page.getByText("Live").first().waitFor({ state: "attached" });
  await seen.page.locator("main h1").first().waitFor();
  return seen;
}

/** Goes to a view as a link to it does. */
export async function visit(page: Page, broker: Pick<TestBroker, "url">, path: string): Promise<void> {
  await page.goto(`${broker.url}${path}`);
  await page.locator("main h1").first().waitFor({ state: "attached" });
}
