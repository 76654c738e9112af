/** A broker that is killed while it changes its files: the next one has every message that was accepted, once. */
import { expect, test } from "vitest";
import { call } from "../../support/api.ts";
import { type BrokerProcess, spawnBroker } from "../../support/broker.ts";
import { onPostgres } from "../../support/database.ts";
import { tempHome } from "../../support/folders.ts";
import { notRun } from "../../support/not-run.ts";
import { allMessages, newPeer } from "../../support/peers.ts";
import { canInject, injectInto } from "./strace.ts";

const NAME = "a broker that is killed while it changes its files";
const inTurn = test.skipIf(
  onPostgres || (!canInject && notRun(NAME, "strace, which kills at a given system call, is not installed")),
);

inTurn.each([
  ["pwrite64", [1, 2, 5, 20, 60, 120, 180, 240, 300]],
  ["fsync,fdatasync", [1, 2, 3, 4, 5, 6, 8, 10]],
  ["rename,unlink,ftruncate,write", [1, 2, 3, 4]],
] as const)(
  `${NAME} at its first start leaves a home that can be used: %s`,
  { timeout: 300_000 },
  async (calls, moments) => {
    let killed = 0;
    for (const nth of moments) {
      const home = tempHome();
      const broker = await started(home, calls, nth);
      if (!broker) killed++;
      await broker?.stop("SIGKILL");
      await check(home, new Map(), new Map());
    }
    expect(killed).toBeGreaterThan(moments.length / 2);
  },
);

inTurn.each([
  // Of the calls that a start and some messages make; a message makes about twenty.
  ["pwrite64", [50, 75, 90, 101, 102, 103, 104, 105, 110, 130, 155, 190, 250, 310, 420, 600]],
  ["fsync,fdatasync", [6, 7, 8, 9, 10, 11, 12, 15, 20, 30]],
] as const)(
  `${NAME} while messages arrive keeps what it accepted: %s`,
  { timeout: 300_000 },
  async (calls, moments) => {
    const home = tempHome();
    const accepted = new Map<string, string>();
    const unanswered = new Map<string, string>();
    await check(home, accepted, unanswered);
    let killed = 0;
    for (const nth of moments) {
      const broker = await started(home, calls, nth);
      if (!broker) killed++;
      for (let i = 0; broker && i < 100; i++) {
        const message_id = `message-${calls}-${nth}-${i}`.replaceAll(/[^\w-]/g, "-");
        const input = { to: "sink", text: `${calls} ${nth} ${i}`, message_id };
        const answer = await call(broker, "send_message", input).catch(() => undefined);
        if (answer) {
          expect(answer.status, answer.text).toBe(200);
          accepted.set(message_id, input.text);
        } else {
          unanswered.set(message_id, input.text);
          killed++;
          break;
        }
      }
      await broker?.stop("SIGKILL");
      await check(home, accepted, unanswered);
    }
    expect(killed).toBeGreaterThan(moments.length / 2);
  },
);

/** `undefined`: it was killed before it served. */
async function started(home: string, calls: string, nth: number): Promise<BrokerProcess | undefined> {
  try {
    return await spawnBroker({ home, within: injectInto(calls, `signal=KILL:when=${nth}`) });
  } catch (error) {
    if (/SIGKILL/.test(String(error))) return undefined;
    throw error;
  }
}

/** The next broker starts by itself, has all that was accepted, and takes repeats for what they are. */
async function check(home: string, accepted: Map<string, string>, unanswered: Map<string, string>): Promise<void> {
  const broker = await spawnBroker({ home });
  if (accepted.size + unanswered.size === 0) await newPeer(broker, "sink");
  for (const [message_id, text] of unanswered) {
    const answer = await call(broker, "send_message", { to: "sink", text, message_id });
    expect(answer.status, answer.text).toBe(200);
    accepted.set(message_id, text);
  }
  unanswered.clear();
  const stored = (await allMessages(broker)).map(({ message_id, text }) => [message_id, text]);
  expect(stored.sort()).toEqual([...accepted].sort());
  expect(await broker.stop("SIGTERM")).toEqual({ code: 0, signal: null });
}
