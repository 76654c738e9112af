/** The list of conversations beside what is said meanwhile. */
import { describe, expect, test } from "vitest";
import { isPoolTalk, pairKey, talkOf } from "../../../src/rules/talk/key.ts";
import type { Row } from "../../../src/rules/talk/row.ts";
import { type Talk, withCounted, withSaid } from "../../../src/rules/talk/talks.ts";
import { row } from "./rows.ts";

interface Conversation extends Talk<Row> {
  unread?: number;
}

const counted = (seq: number, other: Partial<Conversation> = {}): Conversation => ({
  key: "a1~b2",
  with: [
    { id: "a1", name: "ann" },
    { id: "b2", name: "ben" },
  ],
  last: row(seq),
  failed: 0,
  held: 0,
  ...other,
});
const noNews = new Map();

describe("the list of conversations", () => {
  test("takes the broker's counts, and keeps a last message that is newer than its answer", () => {
    const [heard] = withSaid([counted(1, { unread: 2, failed: 1 })], [row(5)], noNews);
    expect(heard).toMatchObject({ unread: 2, failed: 1, last: { seq: 5 } });
    const [after] = withCounted(heard ? [heard] : [], [counted(4, { unread: 0, failed: 0 })]);
    expect(after).toMatchObject({ unread: 0, failed: 0, last: { seq: 5 } });
  });

  test("keeps one that began after the broker answered, and loses one that the broker does not know any more", () => {
    const other = { from: "c3", from_name: "cat" };
    const known = withSaid([counted(1), counted(2, { key: "b2~d4" })], [row(9, other)], noNews);
    expect(withCounted(known, [counted(8)]).map(({ key }) => key)).toEqual(["b2~c3", "a1~b2"]);
  });

  test("leaves those as they are in which nothing happened", () => {
    const quiet = counted(1);
    const busy = counted(2, { key: "b2~c3" });
    const after = withSaid([busy, quiet], [row(3, { from: "c3" })], noNews);
    expect(after.find(({ key }) => key === quiet.key)).toBe(quiet);
  });
});

describe("the key of a conversation", () => {
  test("is the same from both sides, and that of messages to everybody is no pool's", () => {
    expect(pairKey("b2", "a1")).toBe(pairKey("a1", "b2"));
    const toAll = row(1, { from: "operator", to: "@all", to_id: "@all" });
    expect(talkOf(toAll)).toBe("@all~operator");
    expect(isPoolTalk(talkOf(toAll))).toBe(false);
    expect(isPoolTalk(talkOf(row(1, { pool: "den", pool_id: "p1" })))).toBe(true);
  });
});
