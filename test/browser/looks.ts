/** What is wrong with how the page looks. */
import axe from "axe-core";
import type { Page } from "playwright-core";

interface Violation {
  id: string;
  nodes: { html: string; failureSummary?: string }[];
}

/** What axe-core finds wrong. The page's policy has to be off: axe-core is no file of the page. */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const found: { violations: Violation[] } = await page.evaluate("axe.run(document, { resultTypes: ['violations'] })");
  return found.violations.flatMap(({ id, nodes }) =>
    nodes.map((one) => `${id}: ${one.html} ${one.failureSummary ?? ""}`),
  );
}

/** How much is wider than the window. */
export const sideways = (page: Page): Promise<number> =>
  page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
