/** A hook that is killed at any system call: its mail stays in exactly one place, and text that was printed is not offered as new. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Event, newSpool, type TestSpool, takers } from "../../hooks/hook.ts";
import { notRun } from "../../support/not-run.ts";
import { callsIn, canInject, killing, type SystemCall, tracing } from "./strace.ts";

const NAME = "a hook that is killed at any system call loses no mail";
/** Runs at a time. */
const LANES = 4;
/** Longer than the buffer of standard output, so that the text is written in more than one call. */
const LINES = 500;
const TEXT = "a line of mail\n".repeat(LINES);
const EARLIER = 'normal inject message-0000:1\n"earlier"\nearlier\n';

function prepared(): TestSpool {
  const spool = newSpool();
  spool.write("state", "idle\n");
  spool.write("batches", "");
  spool.write("seen.Stop-1-1", EARLIER);
  spool.put({ text: TEXT });
  return spool;
}

test
  .skipIf(!canInject && notRun(NAME, "strace, which kills at a given system call, is not installed"))
  .each<Event>([...takers])(`${NAME}: %s`, { timeout: 900_000 }, async (event) => {
  const whole = prepared();
  const content = whole.read("mail");
  const file = join(whole.home, "trace");
  await whole.run(event, {}, { within: (command) => tracing(file, command) });
  const calls = callsIn(file);
  expect(calls.length).toBeGreaterThan(300);

  let killed = 0;
  async function attack(call: SystemCall): Promise<void> {
    const what = `killed at ${call.name} ${call.nth}`;
    const spool = prepared();
    const run = await spool.run(event, {}, { within: (command) => killing(call, command) });
    if (run.signal === "SIGKILL") killed++;
    const printed = run.stdout + run.stderr;
    const mail = spool.mailFiles().filter((name) => spool.read(name) === content);
    const earlier = spool.mailFiles().filter((name) => spool.read(name) === EARLIER);
    expect([mail.length, earlier.length, spool.mailFiles().length], what).toEqual([1, 1, 2]);
    expect(earlier[0], what).toMatch(/^(seen|read)\.Stop-1-1$/);
    // What may have been seen is not in the place of new mail, so it comes again marked, or not at all.
    if (printed.includes("a line of mail")) expect(mail[0], what).not.toBe("mail");
    // What counts as shown was printed whole.
    if (/^(done|seen|read)/.test(mail[0] ?? "")) expect(printed.split("a line of mail").length, what).toBe(LINES + 1);
    expect(spool.state(), what).toMatch(/^(idle|active)$/);

    const again = await spool.run(event);
    if (mail[0] === "mail") expect(again.stdout + again.stderr, what).toContain("a line of mail");
    else expect(again.stdout + again.stderr, what).toBe("");
  }

  await Promise.all(
    Array.from({ length: LANES }, async () => {
      for (let call = calls.pop(); call; call = calls.pop()) await attack(call);
    }),
  );
  // Most calls come in the same order in every run; some, such as those that wait for a child, do not.
  expect(killed).toBeGreaterThan(300);
});
