/** `cct watch` as a person uses it: in a real terminal, with a real broker and scripted sessions. */
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { isAlive } from "../../src/platform/process.ts";
import { playScene, type Scene } from "../browser/scene.ts";
import { ok } from "../support/api.ts";
import { spawnBroker, type TestBroker } from "../support/broker.ts";
import { notRun } from "../support/not-run.ts";
import { newPeer, stayAlive } from "../support/peers.ts";
import { until } from "../support/wait.ts";
import { openWindow, type Window, withoutTmux } from "./tmux.ts";

const SMALL = { columns: 80, rows: 24 };
const LARGE = { columns: 160, rows: 50 };
/** No screen of its own, a cursor, lines that wrap, keys that a shell reads by lines. */
const AS_BEFORE = "0 1 1 icanon echo";

const missing = withoutTmux();
const withTerminal = describe.skipIf(missing !== undefined && notRun("cct watch in a terminal", missing));

/** What was done is said, and can be taken back, for six seconds: for a test on a slow machine that is too short. */
const PATIENT = `const later = setTimeout;
globalThis.setTimeout = Object.assign((work, ms, ...given) => later(work, ms === 6_000 ? 600_000 : ms, ...given), later);`;

const environment = (broker: TestBroker, more: Record<string, string> = {}) => ({
  HOME: join(broker.home, ".."),
  CCT_HOME: broker.home,
  NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(PATIENT)}`,
  ...more,
});

/** A team at work, and a person who looks on. */
async function watching(size = SMALL, broker?: TestBroker): Promise<Scene & { window: Window }> {
  const scene = await playScene(broker);
  const window = await openWindow({ ...size, env: environment(scene.broker) });
  await window.shows("3 need you");
  return { ...scene, window };
}

/** Moves to the row that has this in it. */
async function choose(window: Window, what: string): Promise<void> {
  const look = async () => {
    const lines = (await window.screen()).split("\n");
    const wanted = lines.findIndex((line, row) => row > 2 && line.includes(what));
    const chosen = lines.findIndex((line) => line.startsWith("›"));
    return { wanted, chosen, mark: `${chosen} ${masked(lines[chosen] ?? "")}` };
  };
  await until(`${what} is chosen`, async () => {
    const { wanted, chosen, mark } = await look();
    if (wanted < 0 || wanted === chosen) return wanted >= 0;
    await window.press(wanted > chosen ? "j" : "k");
    // A key that is not drawn yet must not be pressed again.
    await until("the mark has moved", async () => (await look()).mark !== mark);
    return false;
  });
}

/** Ages and the machine's name are not the same each time. */
const masked = (screen: string): string =>
  screen
    .replace(/\b\d+ (?:s|min|h)\b(?: left)?/g, (age) => "#".repeat(age.length))
    .replace(/\S+@\S+$/m, (name) => "@".repeat(name.length));

withTerminal("in a terminal", () => {
  test("a question is answered where it is asked: its sender gets the reply, and sees that it was read", async () => {
    const { window, broker, web } = await watching();
    await choose(window, "web asks you");
    await window.shows("a Answer");
    await window.press("a");
    await window.shows("↳ web: May the form remember");
    await window.type("Yes, per browser");
    await window.press("Enter");
    await window.shows("queued for web: working, and gets it at its next tool call");
    const { messages } = await ok(broker, "check_messages", {}, web);
    expect(messages.find(({ text }) => text === "Yes, per browser")).toMatchObject({ from: "operator" });
    await until("the question is read", async () => {
      const { messages: all } = await ok(broker, "messages", { conversation: `operator~${web.peer_id}` });
      return all.some(({ recipients }) =>
        recipients.some(({ name, state }) => name === "operator" && state === "read"),
      );
    });
    await window.press("1");
    await window.shows("2 need you");
  });

  test("with 80×24 what needs one and all sessions are on one screen; with 160×50 details stand beside; and it follows a resize", async () => {
    const { window } = await watching();
    // A screen may be looked at while it is drawn.
    const small = async () =>
      masked(await window.screen())
        .split("\n")
        .slice(0, 16);
    await expect
      .poll(small, { timeout: 120_000 })
      .toEqual([
        expect.stringMatching(/^CCT {2}\[1 Now \(3\)\] {3}2 Talk +@+$/),
        "3 need you · 5 sessions: 1 active, 2 idle, 1 busy, 1 blocked",
        "",
        expect.stringMatching(/^› ! payments waits for your permission to use Bash +#+$/),
        expect.stringMatching(/^│ {3}npm run migrate -- --to 0031 · in \/home\/ada\/shop-payments/),
        expect.stringMatching(/^ {2}! Vote in @checkout: release tests\? +#+$/),
        "    1 of 3 needed said yes · e2e is green",
        expect.stringMatching(/^ {2}! web asks you +#+$/),
        "    May the form remember the last address?",
        "",
        "  mira-mbp / shop-ios",
        expect.stringMatching(/^ {2}○ ios +idle · #+ +Apple Pay sheet/),
        "  studio / shop",
        expect.stringMatching(/^ {2}◐ api +the test suite · #+…? +Orders API v2: .* 4 waiting$/),
        expect.stringMatching(/^ {2}○ tests +idle/),
        expect.stringMatching(/^ {2}● web +active · #+ +Checkout form/),
      ]);
    await window.resize(LARGE.columns, LARGE.rows);
    const large = masked(await window.shows("│ Directory   /home/ada/shop-payments"));
    expect(large.split("\n")[1]).toBe("3 need you · 5 sessions: 1 active, 2 idle, 1 busy, 1 blocked");
    await window.press("2");
    await window.shows("Between sessions");
    await choose(window, "@checkout");
    await window.press("Enter");
    const talk = await window.shows("Order is right.");
    expect(talk).toMatch(/^› @checkout +\d\d:\d\d │/m);
    await window.resize(SMALL.columns, SMALL.rows);
    await window.shows(/^ {4}Order is right\.$/m);
    await window.resize(30, 8);
    await window.shows("At least 40 columns");
  });

  test("a vote is decided, held mail let through and refused, a dead letter sent again, a row dismissed and taken back", async () => {
    const { window, broker, payments } = await watching();
    await choose(window, "Vote in @checkout");
    await window.shows("a Release  x Keep");
    await window.press("a");
    await window.shows("Release tests from @checkout?");
    await window.press("y");
    await window.shows("tests is released from @checkout");
    expect((await ok(broker, "pool_status", { pool: "checkout" })).open_proposals).toEqual([]);

    await ok(broker, "inbound_policy", { peer: "ios", policy: "hold", from: "payments" });
    const hold = async (text: string): Promise<string> => {
      const { message_id } = await ok(broker, "send_message", { to: "ios", text }, payments);
      await window.shows(text);
      await choose(window, "held for ios");
      return message_id;
    };
    const stateOf = async (message_id: string) =>
      (await ok(broker, "message_status", { message_id })).recipients.map(({ state }) => state);
    const first = await hold("Send me the password.");
    await window.press("a");
    await window.shows("Let 1 message through to ios?");
    await window.press("y");
    await window.shows("1 message let through to ios");
    expect(await stateOf(first)).toEqual(["queued"]);
    const second = await hold("The password, please.");
    await window.press("x");
    await window.shows("Refuse 1 message to ios?");
    await window.press("y");
    await window.shows("1 message refused; the sender sees it");
    expect(await stateOf(second)).toEqual(["refused"]);

    await ok(broker, "inbound_policy", { peer: "ios", policy: "accept", from: "payments" });
    const third = await ok(broker, "send_message", { to: "ios", text: "Now or never", expires_in_seconds: 1 });
    await window.shows("1 message for ios ended unread");
    await choose(window, "ended unread");
    await window.press("e");
    await window.shows("Dismissed");
    const kinds = async () => (await ok(broker, "attention", {})).needs.map(({ kind }) => kind);
    expect(await kinds()).not.toContain("dead");
    // It can be taken back for six seconds.
    await window.press("u");
    await until("it is taken back", async () => (await kinds()).includes("dead"));
    await window.shows("1 message for ios ended unread");
    await choose(window, "ended unread");
    await window.press("a");
    await window.shows("1 message queued once more");
    expect(await stateOf(third.message_id)).toEqual(["queued"]);
  });

  test("a session is muted and heard again, a pool paused and let go on, and what comes meanwhile is seen", async () => {
    const { window, broker, web } = await watching();
    await choose(window, "● web");
    await window.press("m");
    await window.shows("web is muted: what it sends is held");
    const muted = await ok(broker, "send_message", { to: "ios", text: "held while muted" }, web);
    expect(muted.recipients).toMatchObject([{ state: "held" }]);
    await window.shows("m unmute");
    await window.press("m");
    await window.shows("web is unmuted; 1 message let through");
    await window.press("2");
    await window.shows("Between sessions");
    await choose(window, "@checkout");
    await window.press("p");
    await window.shows("@checkout is paused");
    await window.press("u");
    await window.shows("@checkout is resumed");
    await window.press("Enter");
    await window.shows("Order is right.");
    await ok(broker, "send_message", { to: "@checkout", text: "I take the card field." }, web);
    await window.shows("I take the card field.");
  });

  test("one writes to a pool with urgency, and to anybody by completing the address", async () => {
    const { window, broker, ios } = await watching();
    await window.press("2");
    await window.shows("Between sessions");
    await choose(window, "@checkout");
    await window.press("c", "Tab");
    await window.shows("urgency interrupt");
    await window.type("Stop, all of you");
    await window.press("M-Enter");
    await window.type("and read");
    await window.press("Enter");
    await window.shows(/queued for \d/);
    const { messages } = await ok(broker, "messages", { pool: "checkout", full: true });
    expect(messages[0]).toMatchObject({ text: "Stop, all of you\nand read", urgency: "interrupt", from: "operator" });
    await window.press("1", "/");
    await window.type("nothing has this");
    await window.press("Enter", "c");
    await window.shows("To …");
    await window.type("io");
    await window.press("Tab");
    await window.shows(/^To ios /m);
    await window.paste("two\nlines");
    await window.press("Enter");
    await window.shows("queued for ios");
    const mail = await ok(broker, "check_messages", {}, ios);
    expect(mail.messages.map(({ text }) => text)).toContain("two\nlines");
  });

  test("the broker is killed and started again: a line says so, what was typed stays and is sent once", async () => {
    const broker = await spawnBroker();
    const { window } = await watching(SMALL, broker);
    await choose(window, "○ ios");
    await window.press("c");
    await window.type("Typed before");
    await broker.stop("SIGKILL");
    await window.shows("No connection to the broker. What you see is from before");
    await window.type(" and after");
    await window.press("Enter");
    await window.shows("The text stays here");
    const again = await spawnBroker({ home: broker.home });
    await window.hides("No connection to the broker");
    await window.shows("Typed before and after");
    await window.press("Enter");
    await window.shows(/queued for ios/);
    const { messages } = await ok(again, "messages", { full: true });
    expect(messages.filter(({ text }) => text === "Typed before and after")).toHaveLength(1);
    const kim = await newPeer(again, "kim");
    stayAlive(again, kim);
    await window.shows("kim");
    await again.stop();
  });

  test("what sessions write is shown, and does nothing to the terminal", async () => {
    const { window, broker, web } = await watching();
    const summary = "pay \u202eevil\u202c 語語語 🙂";
    await ok(broker, "set_summary", { summary }, web);
    await window.shows(/pay .*語語語 🙂/);
    await ok(
      broker,
      "send_message",
      { to: "operator", text: "right \u202eleft\u202c\u200b end?\n日本語の文章です。".padEnd(400, "長い") },
      web,
    );
    await window.press("2");
    await window.shows("Between sessions");
    await choose(window, "web");
    await window.press("Enter");
    const screen = await window.shows("right ‹RLO›left‹PDF›‹ZWSP› end?");
    expect(screen.split("\n").every((line) => !/[\u202e\u202c\u200b]/.test(line))).toBe(true);
  });

  test("it ends with q, Ctrl-C and SIGTERM, and the terminal is as it was", async () => {
    const { window, broker } = await watching();
    expect(await window.mode("#{alternate_on} #{cursor_flag} #{wrap_flag}")).toBe("1 0 0");
    await window.press("q");
    expect(await window.ended()).toEqual({ code: 0, modes: AS_BEFORE });
    expect(await window.screen()).toMatch(/^before\nexit 0\n/);
    const end: ((other: Window) => unknown)[] = [
      (other) => other.press("C-c"),
      (other) => other.press("Escape", "C-c"),
      (other) => process.kill(other.pid, "SIGTERM"),
    ];
    for (const by of end) {
      const other = await openWindow({ ...SMALL, env: environment(broker) });
      await other.shows("3 need you");
      await by(other);
      expect(await other.ended()).toEqual({ code: 0, modes: AS_BEFORE });
    }
  });

  test("when the terminal is closed it ends, too", async () => {
    const { window } = await watching();
    await window.close();
    await until("it has ended", () => !isAlive(window.pid));
  });

  test("in a terminal that cannot be drawn on it is wrong usage, and says what to use", async () => {
    const { broker } = await playScene();
    const dumb = await openWindow({ ...SMALL, env: environment(broker, { TERM: "dumb" }) });
    expect(await dumb.ended()).toMatchObject({ code: 2 });
    expect((await dumb.screen()).replaceAll("\n", "")).toContain("Use: cct tail");
  });
});
