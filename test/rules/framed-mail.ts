/** Mail of any sender, and the conversations that it comes to, for tests of frames. */
import fc from "fast-check";
import { urgencies } from "../../src/rules/delivery.ts";
import type { Audience, FramedMessage } from "../../src/rules/framing.ts";
import { isName, personAt } from "../../src/rules/names.ts";
import { hostileText } from "../support/hostile.ts";

const messageId = fc.stringMatching(/^[A-Za-z0-9_-]{8,64}$/);
const peerId = fc.stringMatching(/^[0-9a-f]{32}$/);
const name = fc.stringMatching(/^[a-z0-9][a-zA-Z0-9._-]{0,38}[a-z0-9]$/).filter(isName);
/** The operator, or the person at another machine. */
const person = fc.oneof(
  fc.constant({ from: "operator", from_name: "operator" }),
  fc.record({ from: peerId, from_name: name.map((device) => personAt(device)) }),
);
export const message = (text: fc.Arbitrary<string>): fc.Arbitrary<FramedMessage> =>
  fc
    .record({
      message_id: messageId,
      sender: fc.oneof(fc.record({ from: peerId, from_name: name }), person),
      to: fc.oneof(name, hostileText),
      pool: fc.option(name, { nil: undefined }),
      urgency: fc.constantFrom(...urgencies),
      text,
      sent_at: fc.integer({ min: 0, max: 4_000_000_000_000 }),
      reply_to: fc.option(messageId, { nil: undefined }),
      redelivered: fc.boolean(),
    })
    .map(({ sender, ...rest }) => ({ ...rest, ...sender }));
/** A conversation that was told anything or nothing, in any mode, at any time. */
export const audience: fc.Arbitrary<Audience> = fc.record({
  instructed: fc.boolean(),
  unnamed: fc.option(fc.record({ name, id: fc.constant("abcd") }), { nil: undefined }),
  asksAbout: fc.boolean().map((asks) => () => asks),
  now: fc.integer({ min: 0, max: 4_000_000_000_000 }),
});
