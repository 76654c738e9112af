/** What a browser notifies of: what is new since somebody saw the page, and of the wanted kinds. */
import { expect, test } from "vitest";
import { lookAt } from "../../src/page/notify-news.ts";
import type { Need } from "../../src/page/types.ts";
import { needKinds } from "../../src/rules/attention.ts";

const NOW = 1_800_000_000_000;
const MINUTE = 60_000;
const ALL = needKinds;

const need = (kind: Need["kind"], other: Partial<Need> = {}): Need => ({
  need_id: `${kind}.a`,
  kind,
  peer_id: "a",
  name: "api",
  at: NOW,
  changed_at: NOW,
  detail: "",
  ...other,
});
const later = (one: Need, ms: number): Need => ({ ...one, changed_at: one.changed_at + ms });

test("what was notified of once is no news; a session that waits once more is", () => {
  const { news, memory } = lookAt([need("blocked")], [], ALL, NOW);
  expect(news).toHaveLength(1);
  expect(lookAt([need("blocked")], memory, ALL, NOW + MINUTE).news).toEqual([]);
  expect(lookAt([later(need("blocked"), 2_000)], memory, ALL, NOW + 2_000).news).toHaveLength(1);
  const gone = lookAt([], memory, ALL, NOW + MINUTE).memory;
  expect(lookAt([need("blocked")], gone, ALL, NOW + MINUTE).news).toEqual([]);
});

test("more held mail is notified of: at once when the earlier was only seen, after ten minutes when it was notified of", () => {
  const more = later(need("held"), 1_000);
  const seen = lookAt([need("held")], [], [], NOW).memory;
  expect(lookAt([need("held")], seen, ALL, NOW).news).toEqual([]);
  expect(lookAt([more], seen, ALL, NOW + 1_000).news).toHaveLength(1);
  const told = lookAt([need("held")], [], ALL, NOW).memory;
  const soon = lookAt([more], told, ALL, NOW + MINUTE);
  expect(soon.news).toEqual([]);
  expect(lookAt([more], soon.memory, ALL, NOW + 10 * MINUTE).news).toHaveLength(1);
  const seenToo = lookAt([more], told, [], NOW + MINUTE).memory;
  expect(lookAt([more], seenToo, ALL, NOW + 10 * MINUTE).news).toEqual([]);
});

test("what is unwanted counts as seen; a vote that was seen early is notified of shortly before its end", () => {
  const vote = need("vote", { deadline: NOW + 20 * MINUTE });
  const { news, memory } = lookAt([need("guard"), vote], [], ["vote"], NOW);
  expect(news).toEqual([]);
  expect(lookAt([need("guard"), vote], memory, ALL, NOW + MINUTE).news).toEqual([]);
  expect(lookAt([vote], memory, ALL, NOW + 16 * MINUTE).news).toEqual([vote]);
});

test("a session that takes no mail, and a service that does not answer, are news as well", () => {
  const both = [need("nohook"), need("service")];
  expect(lookAt(both, [], ALL, NOW).news).toEqual(both);
});
