/** What the user of a session sees in the terminal when mail comes: a line, and never the text that is meant for the model. */
import { expect } from "vitest";
import { timesIn } from "./requests.ts";
import { bash, say, use } from "./script.ts";
import type { Outgoing, Session } from "./session.ts";
import { hostTest, newWord, onStage, stage } from "./stage.ts";

let shop: Session;
let b: Session;
let off: Session;

onStage(async (stage) => {
  [shop, b, off] = await Promise.all([
    stage.start("shop"),
    stage.start("b"),
    stage.start("off", { env: { CCT_MAIL_LINE: "off" } }),
  ]);
});

/** A text whose beginning is for the user's line, with a terminal's own commands, and whose end is only for the model. */
function newMail(to: string): Outgoing & { begin: string; end: string } {
  const [begin, end] = [newWord("begin"), newWord("end")];
  return { to, begin, end, text: `${begin}: which port\nis free?\n${"and so on ".repeat(20)}${end}` };
}

/** What the user has seen since the last look. */
async function seenBy(session: Session, what: () => Promise<unknown>): Promise<string> {
  const before = await session.history();
  await what();
  const after = await session.history();
  let same = 0;
  while (same < before.length && before[same] === after[same]) same++;
  return after.slice(same);
}

const sends = (mail: Outgoing): Promise<unknown> =>
  shop.send({ to: mail.to, text: mail.text, urgency: mail.urgency ?? "normal" });

async function expectOnlyLine(session: Session, mail: ReturnType<typeof newMail>, seen: string): Promise<void> {
  expect(
    seen.match(new RegExp(`says: CCT mail from shop: ${mail.begin}: which port is free\\? and so.*…$`, "gm")),
  ).toHaveLength(1);
  for (const word of [mail.end, "peer ", "cct_send_message", "hook feedback"]) expect(seen).not.toContain(word);
  expect(timesIn(session.last(), mail.end)).toBe(1);
  expect(timesIn(session.last(), "CCT mail from shop: ")).toBe(0);
  await stage().becomes(mail.text, "read");
}

/** `to` plays turns of which the first waits at a gate until the mail lies in its spool. */
async function whileAt(
  gate: string,
  to: Session,
  mail: Outgoing,
  ...turns: Parameters<Session["play"]>
): Promise<void> {
  await to.play(...turns);
  await (turns[0]?.gate ? undefined : stage().reached(gate));
  await Promise.all([sends(mail), to.mailWaits().then(() => stage().open(gate))]);
  await to.given(mail.text.slice(-12));
  await to.turnOver();
}

hostTest("mail beside a tool's result", async () => {
  const mail = newMail("b");
  const seen = await seenBy(b, () => whileAt("beside", b, mail, use(stage().waitAt("beside")), say("done")));
  await expectOnlyLine(b, mail, seen);
});

hostTest("mail at the end of a turn", async () => {
  const mail = newMail("b");
  const seen = await seenBy(b, () => whileAt("last", b, mail, { ...say("done"), gate: "last" }));
  await expectOnlyLine(b, mail, seen);
  expect(seen).toContain("● New CCT mail");
});

hostTest("mail that wakes an idle session", async () => {
  const mail = newMail("b");
  const seen = await seenBy(b, async () => {
    await sends(mail);
    await b.given(mail.end);
    await b.turnOver();
  });
  await expectOnlyLine(b, mail, seen);
  expect(seen).toContain("● New CCT mail");
});

hostTest("mail that holds back a call", async () => {
  const mail = { ...newMail("b"), urgency: "interrupt" } as const;
  const turns = [use(stage().waitAt("held")), use(bash("echo held")), say("done")];
  const seen = await seenBy(b, () => whileAt("held", b, mail, ...turns));
  await expectOnlyLine(b, mail, seen);
  expect(seen.replace(/\s+/g, " ")).toContain("CCT mail came first. Your Bash call was not run");
});

hostTest("mail beside a prompt", async () => {
  const mail = { ...newMail("b"), urgency: "low" } as const;
  await sends(mail);
  await b.mailWaits();
  const seen = await seenBy(b, async () => {
    await b.play(say("a turn"));
    await b.turnOver();
  });
  await expectOnlyLine(b, mail, seen);
});

hostTest("with CCT_MAIL_LINE=off nothing of it is shown", async () => {
  const [idle, busy] = [newMail("off"), newMail("off")];
  const seen = await seenBy(off, async () => {
    await sends(idle);
    await off.given(idle.end);
    await off.turnOver();
    await whileAt("off", off, busy, use(stage().waitAt("off")), say("done"));
  });
  for (const word of [idle.begin, idle.end, busy.begin, busy.end, "from shop"]) expect(seen).not.toContain(word);
  for (const { end } of [idle, busy]) expect(timesIn(off.last(), end)).toBe(1);
});
