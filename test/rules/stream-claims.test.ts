/** What the broker remembers of the claims that it sent over a peer's streams. */
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  beginStream,
  noStream,
  noteSent,
  type PeerStream,
  settleStreams,
  withdrawSent,
} from "../../src/rules/stream-claims.ts";

const claim = (n: number) => ({ message_id: `message-${n}`, attempt: 1, marked: false });

/** Streams with so many answers each, the last of them open. */
function sent(answers: readonly number[]): PeerStream {
  let n = 0;
  return answers.reduce((stream, count, i) => {
    let next = beginStream(stream, `stream-${i}`);
    for (let k = 0; k < count; k++) next = noteSent(next, [claim(n++)]);
    return next;
  }, noStream);
}

const answers = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 3 });

test("of a closed stream exactly what came after the last answer is missed, once", () => {
  fc.assert(
    fc.property(answers, fc.nat(2), fc.nat(3), (counts, nth, received) => {
      const before = sent(counts);
      const id = `stream-${nth}`;
      const expected = before.sent.filter((one) => one.stream === id && one.number > received);
      const { stream, missed } = settleStreams(before, [{ id, received, open: false }]);
      expect(missed).toEqual(expected.flatMap(({ claims }) => claims));
      expect(stream.sent).toEqual(before.sent.filter((one) => one.stream !== id));
      expect(stream.id).toBe(before.id === id ? null : before.id);
      expect(settleStreams(stream, [{ id, received, open: false }]).missed).toEqual([]);
    }),
  );
});

test("of an open stream nothing is missed, and what came is forgotten", () => {
  fc.assert(
    fc.property(answers, fc.nat(3), (counts, received) => {
      const before = sent(counts);
      const id = before.id ?? "";
      const { stream, missed } = settleStreams(before, [{ id, received, open: true }]);
      expect(missed).toEqual([]);
      expect(stream.id).toBe(id);
      expect(stream.sent).toEqual(before.sent.filter((one) => one.stream !== id || one.number > received));
    }),
  );
});

test("what the broker did not write is missed; of the rest the session can still speak", () => {
  const before = sent([0, 3]);
  const { stream, missed } = withdrawSent(before, "stream-1", 2);
  expect(missed).toEqual([claim(2)]);
  expect(stream.id).toBe(null);
  expect(settleStreams(stream, [{ id: "stream-1", received: 1, open: false }]).missed).toEqual([claim(1)]);
});

test("the broker remembers few answers, and none for a peer without a stream", () => {
  expect(sent([100]).sent).toHaveLength(8);
  expect(noteSent(noStream, [claim(0)])).toEqual(noStream);
});
