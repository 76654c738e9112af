/** What is done with the rows of Now that need a person: each with what the broker says afterwards. */
import { expect } from "vitest";
import { ok } from "../support/api.ts";
import { until } from "../support/wait.ts";
import {
  type Action,
  answer,
  button,
  details,
  dialog,
  listed,
  members,
  muted,
  need,
  say,
  sent,
  services,
  settle,
  states,
  talk,
  undo,
  view,
} from "./doing.ts";

/** In the order in which they are done: later ones use what earlier ones left. */
export const needActions: Record<string, Action> = {
  async "Where is it?"(doing) {
    await settle(doing, "npm publish", "Where is it?");
    await details(doing.page).getByText(`cd ${doing.dan.place.cwd}`).waitFor();
    await doing.press(button(details(doing.page), /^Close/));
    await details(doing.page).waitFor({ state: "detached" });
  },

  async "Release, after a question"(doing) {
    await settle(doing, "Vote in @one", "Release…");
    await answer(doing, "Release");
    await doing.page.getByText("ben is released from @one").waitFor();
    expect((await members(doing, "one")).find(({ name }) => name === "ben")).toMatchObject({ released: true });
  },

  async "Keep, after a question that is first answered with no"(doing) {
    const { proposal_id = "" } =
      (await ok(doing.broker, "attention", {})).needs.find(({ pool }) => pool === "two") ?? {};
    await settle(doing, "Vote in @two", "Keep…");
    await answer(doing, "Cancel");
    await dialog(doing.page).waitFor({ state: "detached" });
    expect((await ok(doing.broker, "pool_status", { pool: "two" })).open_proposals).toMatchObject([{ proposal_id }]);
    await settle(doing, "Vote in @two", "Keep…");
    await answer(doing, "Keep");
    await doing.page.getByText("ben stays in @two").waitFor();
    const { open_proposals } = await ok(doing.broker, "pool_status", { pool: "two" });
    expect(open_proposals).toEqual([]);
    expect((await members(doing, "two")).find(({ name }) => name === "ben")).toMatchObject({ released: false });
  },

  async Answer(doing) {
    await settle(doing, "Which port?", "Answer");
    await say(doing, "7888");
    expect(await sent(doing, doing.cat)).toMatchObject([{ text: "7888" }]);
    await until("it needs nobody any more", async () =>
      (await ok(doing.broker, "attention", {})).needs.every(({ name, kind }) => kind !== "question" || name !== "cat"),
    );
  },

  async "Dismiss, and Undo"(doing) {
    const { needs } = await ok(doing.broker, "attention", {});
    const asked = needs.find(({ detail }) => detail === "May I publish?")?.need_id;
    expect(asked).toBeDefined();
    await settle(doing, "May I publish?", "Dismiss (e)");
    await need(doing.page, "May I publish?").waitFor({ state: "detached" });
    expect(await listed(doing)).not.toContain(asked);
    await undo(doing);
    expect(await listed(doing)).toContain(asked);
  },

  async "Let through, after a question"(doing) {
    await settle(doing, "from ann held for fay", "Let through…");
    await answer(doing, "Let through");
    await doing.page.getByText("1 message let through to fay").waitFor();
    expect(await states(doing, doing.held.ann)).toEqual(["queued"]);
  },

  async "Refuse, after a question"(doing) {
    await settle(doing, "from ben held for fay", "Refuse…");
    await answer(doing, "Refuse");
    await doing.page.getByText("1 message refused").waitFor();
    expect(await states(doing, doing.held.ben)).toEqual(["refused"]);
  },

  async "Refuse in the details of a message"(doing) {
    await talk(doing, /cat.*fay|fay.*cat/);
    await doing.press(doing.page.locator(".msg", { hasText: "six" }).locator(".receipt"));
    await doing.press(button(details(doing.page), "Refuse…"));
    await answer(doing, "Refuse");
    await doing.page.getByText("Refused; the sender sees it").waitFor();
    expect(await states(doing, doing.held.cat)).toEqual(["refused"]);
  },

  async "Look at what ended unread"(doing) {
    await settle(doing, "ended unread", "Look");
    await details(doing.page)
      .getByText(/10 times/)
      .first()
      .waitFor();
  },

  async "Send again"(doing) {
    expect(await states(doing, doing.dead)).toEqual(["dead"]);
    await settle(doing, "ended unread", "Send again");
    await doing.page.getByText("1 message queued once more").waitFor();
    expect(await states(doing, doing.dead)).toEqual(["queued"]);
  },

  async "Read it"(doing) {
    await settle(doing, "was stopped", "Read it");
    await doing.page.locator(".msg", { hasText: "hop" }).first().waitFor();
    expect(new URL(doing.page.url()).pathname).toContain(doing.ben.peer_id);
  },

  async "Mute both, and Undo"(doing) {
    await settle(doing, "was stopped", "Mute both");
    await doing.page.getByText("Both are muted").waitFor();
    expect(await muted(doing)).toEqual(["ben", "cat"]);
    await undo(doing);
    expect(await muted(doing)).toEqual([]);
  },

  async "Why?"(doing) {
    await settle(doing, "does not take its mail", "Why?");
    await details(doing.page).getByText("No live hook.").waitFor();
  },

  async "Ask the owner"(doing) {
    await settle(doing, "orders-db", "Ask the owner");
    await doing.write(dialog(doing.page).getByRole("textbox", { name: "Text" }), "Is it down?");
    await answer(doing, /^Send/);
    await doing.page.locator(".toast").waitFor();
    expect(await sent(doing, doing.ann)).toMatchObject([{ text: "Is it down?" }]);
  },

  async "Remove a service, after a question"(doing) {
    await settle(doing, "orders-db", "Remove…");
    await answer(doing, "Remove");
    await doing.page.getByText("orders-db is off the list").waitFor();
    expect(await services(doing)).toEqual(["users-db"]);
  },

  async "Remove in the list of services"(doing) {
    await view(doing, "Broker");
    await doing.press(button(doing.page, "Remove…"));
    await answer(doing, "Remove");
    await doing.page.getByText("users-db is off the list").waitFor();
    expect(await services(doing)).toEqual([]);
  },
};
