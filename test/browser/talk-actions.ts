/** What is done in conversations, with sessions, pools and the broker: each with what the broker says afterwards. */
import { expect } from "vitest";
import { ok } from "../support/api.ts";
import { until } from "../support/wait.ts";
import {
  type Action,
  answer,
  button,
  details,
  dialog,
  members,
  muted,
  policiesOf,
  pool,
  pools,
  roles,
  say,
  sent,
  talk,
  undo,
  view,
} from "./doing.ts";

/** In the order in which they are done: later ones use what earlier ones left. */
export const talkActions: Record<string, Action> = {
  async "A new message"(doing) {
    await doing.press(button(doing.page, /^Message/));
    await doing.write(dialog(doing.page).getByRole("combobox"), "eve");
    await doing.press(dialog(doing.page).getByRole("option", { name: /eve/ }));
    await doing.write(dialog(doing.page).getByRole("textbox", { name: "Text" }), "How far?");
    await answer(doing, /^Send/);
    await doing.page.locator(".toast").waitFor();
    expect(await sent(doing, doing.eve)).toMatchObject([{ text: "How far?", urgency: "normal" }]);
  },

  async "An interrupt, and an answer to a message"(doing) {
    await talk(doing, /^dan\b/);
    await doing.press(doing.page.getByRole("radio", { name: "Interrupt" }));
    await say(doing, "Wait!");
    expect(await sent(doing, doing.dan)).toMatchObject([{ text: "Wait!", urgency: "interrupt" }]);
    const asked = doing.page.locator(".msg", { hasText: "May I publish?" });
    await doing.reach(asked);
    await doing.press(button(asked, "Reply (r)"));
    await doing.page.locator(".answering").waitFor();
    await say(doing, "Now you may.");
    const { messages } = await ok(doing.broker, "messages", { with: doing.dan.peer_id, limit: 50 });
    const parent = messages.find(({ text }) => text === "May I publish?");
    expect(messages.find(({ text }) => text === "Now you may.")).toMatchObject({ reply_to: parent?.message_id });
  },

  async "Pause, Undo, Pause, Resume"(doing) {
    await talk(doing, "@three");
    const pause = button(doing.page, "Pause");
    await doing.press(pause);
    await doing.page.getByText("@three is paused: what is said in it is held").waitFor();
    expect(await pools(doing)).toMatchObject({ three: true });
    await undo(doing);
    expect(await pools(doing)).toMatchObject({ three: false });
    await doing.press(pause);
    const resume = button(doing.page, "Resume");
    await resume.waitFor();
    const { message_id } = await ok(doing.broker, "send_message", { to: "@three", text: "held" }, doing.ann);
    await doing.press(resume);
    await doing.page.getByText("@three is resumed").waitFor();
    expect(await pools(doing)).toMatchObject({ three: false });
    const { recipients } = await ok(doing.broker, "message_status", { message_id });
    expect(new Set(recipients.map(({ state }) => state))).toEqual(new Set(["queued"]));
  },

  async "Mute, Undo, Mute, Unmute"(doing) {
    const row = doing.page.locator(".peer", { hasText: "fay's work" });
    await doing.press(row);
    const mute = button(details(doing.page), "Mute");
    await doing.press(mute);
    await details(doing.page).getByText("What it sends is held").waitFor();
    expect(await muted(doing)).toEqual(["fay"]);
    await undo(doing);
    expect(await muted(doing)).toEqual([]);
    await doing.press(mute);
    const unmute = button(details(doing.page), "Unmute");
    await doing.press(unmute);
    await mute.waitFor();
    expect(await muted(doing)).toEqual([]);
  },

  async "Set a policy in the details, and Undo"(doing) {
    await doing.press(doing.page.locator(".peer", { hasText: "eve's work" }));
    await details(doing.page).getByText("It accepts all mail.").waitFor();
    await doing.write(details(doing.page).getByRole("combobox", { name: "From" }), "ben");
    await doing.press(details(doing.page).getByRole("option", { name: /ben/ }));
    await doing.press(details(doing.page).getByRole("radio", { name: "Refuse" }));
    await doing.press(button(details(doing.page), "Set"));
    await button(details(doing.page), "End: Mail to eve from ben is refused").waitFor();
    expect(await policiesOf(doing, "eve")).toEqual(["eve refuse ben"]);
    await undo(doing);
    expect(await policiesOf(doing, "eve")).toEqual([]);
  },

  async "Set a policy of a mailbox, End, and Undo"(doing) {
    await view(doing, "Broker");
    const card = doing.page.getByRole("region", { name: "Inbound policies" });
    await doing.write(card.getByRole("combobox", { name: "Mailbox" }), "cat");
    await doing.press(card.getByRole("option", { name: /cat/ }));
    await doing.press(button(card, "Set"));
    const end = button(card, /^End: Mail to cat from/);
    await end.waitFor();
    const set = await policiesOf(doing, "cat");
    expect(set).toEqual([expect.stringContaining("cat hold")]);
    await doing.press(end);
    await end.waitFor({ state: "detached" });
    expect(await policiesOf(doing, "cat")).toEqual([]);
    await undo(doing);
    expect(await policiesOf(doing, "cat")).toEqual(set);
  },

  async "A role, the lead, and Undo"(doing) {
    await pool(doing, "three");
    for (const role of ["reviewer", "lead"]) {
      await doing.press(button(details(doing.page), "Role of cat"));
      // What is there is selected: what one types takes its place.
      await details(doing.page).getByRole("textbox", { name: "New role of cat" }).waitFor();
      await doing.page.keyboard.type(role);
      await doing.press(button(details(doing.page), "Save"));
      await doing.page.getByText(`cat is now ${role} in @three`).waitFor();
      expect(await roles(doing)).toMatchObject({ cat: role });
    }
    await undo(doing);
    expect(await roles(doing)).toMatchObject({ ann: "lead", cat: "reviewer" });
  },

  async Invite(doing) {
    await pool(doing, "three");
    await doing.write(details(doing.page).getByRole("combobox", { name: "Invite" }), "fay");
    await doing.press(details(doing.page).getByRole("option", { name: /fay/ }));
    await doing.press(button(details(doing.page), "Invite"));
    await doing.page.getByText("fay is in @three").waitFor();
    expect((await members(doing, "three")).map(({ name }) => name)).toContain("fay");
  },

  async "Archive, after a question"(doing) {
    await pool(doing, "three");
    await doing.press(button(details(doing.page), "Archive…"));
    await answer(doing, "Archive");
    await doing.page.getByText("@three is archived").waitFor();
    expect(Object.keys(await pools(doing))).not.toContain("three");
  },

  async "Revoke a device, after a question"(doing) {
    await view(doing, "Broker");
    await doing.press(button(doing.page, "Revoke…"));
    await answer(doing, "Revoke");
    await doing.page.getByText("tablet is revoked").waitFor();
    expect((await ok(doing.broker, "list_devices", {})).devices).toEqual([]);
  },

  async "Search, and go to what was said"(doing) {
    // On a phone it is a button of Now as well.
    await doing.press(button(doing.page, "Search and do"));
    await dialog(doing.page).getByRole("combobox").waitFor();
    await doing.page.keyboard.type("publish");
    await doing.press(doing.page.getByRole("option", { name: /May I publish/ }));
    await doing.page.locator(".msg.selected", { hasText: "May I publish?" }).waitFor();
  },

  async "Map: a pair leads to its conversation"(doing) {
    await view(doing, "Map");
    await doing.press(button(doing.page.getByRole("region", { name: "Pairs" }), /ann.*fay|fay.*ann/));
    await doing.page.locator(".conversation").waitFor();
    expect(new URL(doing.page.url()).pathname).toContain(doing.fay.peer_id);
  },

  async "Time: earlier, and a session's details"(doing) {
    await view(doing, "Time");
    await doing.press(button(doing.page, "Earlier (←)"));
    await until("the window moves", () => button(doing.page, /^Later/).isEnabled());
    await doing.press(doing.page.locator(".time-row", { hasText: "ann" }));
    await details(doing.page).getByRole("heading", { name: "ann" }).waitFor();
  },

  async "Log out another browser, and then this one"(doing) {
    const { page } = await doing.other();
    const browsers = async () => (await ok(doing.broker, "list_browsers", {})).browsers.length;
    const isOut = (one: typeof page) => one.getByRole("heading", { name: "This browser is not logged in" });
    await view(doing, "Broker");
    const row = doing.page.locator("li", { has: button(doing.page, "Log out…") });
    await until("both are listed", async () => (await row.count()) === 2);
    const own = row.filter({ hasText: "this one, yours" });
    expect(await own.count()).toBe(1);
    await doing.press(button(row.filter({ hasNotText: "this one, yours" }), "Log out…"));
    await answer(doing, "Log out");
    await isOut(page).waitFor();
    expect(await browsers()).toBe(1);
    await doing.press(button(own, "Log out…"));
    await dialog(doing.page).getByText("This page closes at once").waitFor();
    await answer(doing, "Log out");
    await isOut(doing.page).waitFor();
    expect(await browsers()).toBe(0);
  },
};
