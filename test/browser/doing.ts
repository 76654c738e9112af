/** Parts of what a person does on the page, with any hand, and what the broker says afterwards. */
import type { Locator, Page } from "playwright-core";
import { ok } from "../support/api.ts";
import type { TestPeer } from "../support/peers.ts";
import type { Seen } from "./chromium.ts";
import type { Hand, Way } from "./hand.ts";
import type { Needy } from "./needy.ts";

export interface Doing extends Needy, Hand {
  page: Page;
  way: Way;
  /** Another browser that is logged in. */
  other(): Promise<Seen>;
}

/** Each begins on Now, with nothing in focus. */
export type Action = (doing: Doing) => Promise<void>;

export const button = (where: Page | Locator, name: string | RegExp): Locator =>
  where.getByRole("button", { name, exact: typeof name === "string" });
export const dialog = (page: Page): Locator => page.getByRole("dialog");
export const details = (page: Page): Locator => page.getByRole("complementary", { name: "Details" });
export const need = (page: Page, text: string): Locator => page.locator(".need", { hasText: text });

/** Presses a button of a row that needs a person. The list is cut at six: the others are one button away. */
export async function settle({ page, press }: Doing, text: string, name: string): Promise<void> {
  const more = button(page, /^Show \d+ more/);
  await need(page, text).or(more).first().waitFor();
  if (!(await need(page, text).isVisible())) await press(more);
  await press(button(need(page, text), name));
}

export const answer = ({ page, press }: Doing, name: string | RegExp): Promise<void> =>
  press(button(dialog(page), name));
export const undo = async ({ page, press }: Doing): Promise<void> => {
  await press(button(page, "Undo"));
  await page.getByText("Taken back").waitFor();
};
export const view = ({ page, press }: Doing, name: string): Promise<void> =>
  press(page.getByRole("navigation", { name: "Views" }).getByRole("link", { name }));

export async function talk(doing: Doing, name: string | RegExp): Promise<void> {
  await view(doing, "Talk");
  const line = doing.page.getByRole("navigation", { name: "Conversations" }).getByRole("link", { name });
  await doing.press(line.first());
  await doing.page.locator(".composer").waitFor();
}

export async function pool(doing: Doing, name: string): Promise<void> {
  await talk(doing, `@${name}`);
  await doing.press(button(doing.page, /members: details/));
}

export async function say(doing: Doing, text: string): Promise<void> {
  await doing.write(doing.page.locator(".composer textarea"), text);
  await doing.press(button(doing.page.locator(".composer"), /^Send/));
  await doing.page.locator(".msg.mine", { hasText: text }).first().waitFor();
}

/** The latest message that the operator sent. */
export const sent = async ({ broker }: Doing, to: TestPeer) => {
  const { messages } = await ok(broker, "messages", { with: to.peer_id, limit: 50 });
  return messages
    .filter(({ from }) => from === "operator")
    .map(({ text, urgency, reply_to }) => ({ text, urgency, reply_to }));
};
export const states = async ({ broker }: Doing, message_id: string) =>
  (await ok(broker, "message_status", { message_id })).recipients.map(({ state }) => state);
export const muted = async ({ broker }: Doing) =>
  (await ok(broker, "overview", {})).peers.flatMap(({ name, muted }) => (muted ? name : [])).sort();
export const pools = async ({ broker }: Doing) =>
  Object.fromEntries((await ok(broker, "overview", {})).pools.map((one) => [one.name, one.paused !== undefined]));
export const members = async ({ broker }: Doing, name: string) =>
  (await ok(broker, "pool_status", { pool: name })).members;
export const roles = async (doing: Doing) =>
  Object.fromEntries((await members(doing, "three")).map(({ name, role }) => [name, role]));
export const services = async ({ broker, ann }: Doing) =>
  (await ok(broker, "list_services", {}, ann)).services.map(({ name }) => name).sort();
export const policiesOf = async ({ broker }: Doing, mailbox: string) =>
  (await ok(broker, "list_policies", {})).policies
    .filter(({ name }) => name === mailbox)
    .map(({ name, from, policy }) => `${name} ${policy} ${from}`);
export const listed = async ({ broker }: Doing) =>
  (await ok(broker, "attention", {})).needs.map(({ need_id }) => need_id);
