/** States for the tests of the view, made from arbitrary texts. */
import fc from "fast-check";
import { needKinds } from "../../src/rules/attention.ts";
import { presences } from "../../src/rules/presence.ts";
import { settled } from "../../src/watch/layout.ts";
import { firstState, type State } from "../../src/watch/state.ts";
import type { MessageRow, Need, Peer } from "../../src/watch/words.ts";

const NOW = Date.UTC(2026, 4, 6, 14, 30);

/** What may stand in a name or text: wide, joined, right-to-left and hidden characters, escape sequences, lone surrogates. */
const WILD = [
  "a",
  "Z",
  " ",
  "\n",
  "\t",
  "\r",
  "語",
  "한",
  "🙂",
  "👨‍👩‍👧",
  "🇩🇪",
  "❤️",
  "é",
  "שלום",
  "مرحبا",
  "\u202e",
  "\u2066",
  "\u200b",
  "\u200d",
  "\u0000",
  "\u0007",
  "\u001b[2J",
  "\u001b]0;x\u0007",
  "\u009b31m",
  "\u007f",
  "\ud800",
  "\u{e0041}",
  "\ufe0f",
  "\u0301",
  "…",
  "‹",
  "\u3000",
  "\u2028",
];

export const wild = (maxLength: number): fc.Arbitrary<string> =>
  fc
    .array(fc.oneof(fc.constantFrom(...WILD), fc.string({ maxLength: 12 })), { maxLength })
    .map((parts) => parts.join(""));

export const message = (more: Partial<MessageRow> = {}): MessageRow => ({
  seq: 1,
  message_id: "m1",
  from: "p1",
  from_name: "web",
  to: "operator",
  to_id: "operator",
  thread_id: "t",
  urgency: "normal",
  text: "May the form remember the last address?",
  characters: 40,
  sent_at: NOW - 60_000,
  states: { queued: 1 },
  recipients: [{ peer_id: "operator", name: "operator", state: "queued" }],
  ...more,
});

export const peer = (more: Partial<Peer> = {}): Peer => ({
  peer_id: "p1",
  name: "web",
  host: "studio",
  cwd: "/home/ada/shop",
  repo: "/home/ada/shop",
  branch: "main",
  summary: "Checkout form",
  presence: "active",
  since: NOW - 120_000,
  last_seen: NOW,
  waiting: 0,
  pools: [],
  ...more,
});

export const need = (more: Partial<Need> = {}): Need => ({
  need_id: "question.m1",
  kind: "question",
  at: NOW - 60_000,
  changed_at: NOW - 60_000,
  peer_id: "p1",
  name: "web",
  message_id: "m1",
  detail: "May the form remember the last address?",
  ...more,
});

export function stateOf(more: Partial<State>, columns = 80, rows = 24): State {
  const empty = { ...firstState(columns, rows, "ada@studio"), now: NOW };
  return settled(empty, { ...empty, ...more });
}

/** Any state that the broker could bring about, with any texts in it. */
export const anyState: fc.Arbitrary<State> = fc
  .record({
    columns: fc.integer({ min: 1, max: 220 }),
    rows: fc.integer({ min: 1, max: 60 }),
    names: fc.array(wild(6), { minLength: 1, maxLength: 6 }),
    texts: fc.array(wild(40), { minLength: 1, maxLength: 6 }),
    presence: fc.constantFrom(...presences),
    kinds: fc.array(fc.constantFrom(...needKinds), { maxLength: 6 }),
    view: fc.constantFrom("now" as const, "talk" as const),
    inTalk: fc.boolean(),
    isHelp: fc.boolean(),
    link: fc.constantFrom("live" as const, "lost" as const),
    filter: fc.oneof(fc.constant(""), wild(2)),
    isTyping: fc.boolean(),
    composes: fc.boolean(),
    asks: fc.boolean(),
    said: wild(4),
    whole: fc.boolean(),
  })
  .map((given) => {
    const { names, texts, columns, rows, filter, isTyping, whole } = given;
    const name = (i: number): string => names[i % names.length] ?? "";
    const text = (i: number): string => texts[i % texts.length] ?? "";
    const peers = new Map(
      names.map((_, i) => [
        `p${i}`,
        peer({
          peer_id: `p${i}`,
          name: name(i),
          host: name(i + 1),
          cwd: text(i),
          repo: null,
          summary: text(i + 1),
          branch: name(i + 2),
          presence: given.presence,
          busy_reason: text(i),
          waiting: i * 60,
          pools: ["q"],
        }),
      ]),
    );
    const needs = given.kinds.map((kind, i) =>
      need({
        need_id: `${kind}.${i}`,
        kind,
        name: name(i),
        other: name(i + 1),
        pool: name(i),
        detail: text(i),
        count: i,
        votes: kind === "vote" ? { yes: 1, no: 1, voters: 3, needed: 2 } : undefined,
      }),
    );
    const list = texts.map((words, i) =>
      message({
        seq: i + 1,
        message_id: `m${i}`,
        from_name: name(i),
        text: words,
        characters: words.length + (i % 2),
        reply_to: i > 0 ? `m${i - 1}` : undefined,
        recipients: [{ peer_id: "p1", name: name(i), state: "dead", reason: text(i) }],
        states: { dead: 1 },
      }),
    );
    const [first = message()] = list;
    const field = { text: text(0), at: text(0).length };
    return stateOf(
      {
        broker: name(0),
        peers,
        needs,
        moreNeeds: needs.length,
        pools: [{ pool_id: "q", name: name(0), purpose: text(0), size: 3, created_at: NOW, paused: { by: name(1) } }],
        conversations: [
          {
            key: "p0~p1",
            with: [
              { id: "p0", name: name(0) },
              { id: "p1", name: name(1) },
            ],
            last: first,
            failed: 1,
            held: 1,
          },
          {
            key: "operator~p0",
            with: [
              { id: "operator", name: "operator" },
              { id: "p0", name: name(0) },
            ],
            last: first,
            failed: 0,
            held: 0,
            unread: 3,
          },
          { key: "@q", pool_id: "q", pool: name(0), last: first, failed: 0, held: 0 },
        ],
        view: given.view,
        inTalk: given.inTalk,
        isHelp: given.isHelp,
        link: given.link,
        talk: {
          key: "operator~p0",
          list,
          before: 1,
          isLoading: false,
          problem: "",
          whole: new Set(whole ? ["m0"] : []),
        },
        filter: { text: { text: filter, at: filter.length }, isTyping },
        composer: given.composes
          ? {
              key: "new",
              to: { text: name(0), at: name(0).length },
              text: field,
              urgency: "interrupt",
              field: "text",
              isSending: false,
              isTried: false,
              problem: given.said,
              answers: first,
            }
          : undefined,
        question: given.asks ? { text: given.said, yes: "send" } : undefined,
        toast: { text: given.said, tone: "failed" },
      },
      columns,
      rows,
    );
  });
