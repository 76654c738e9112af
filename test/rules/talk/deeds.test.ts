/** What a person has done, in words. */
import { expect, test } from "vitest";
import { heldDecided, resumed, sentAgain, sentWords, unmuted } from "../../../src/rules/texts/deeds.ts";

test("a row that names some of many messages says how many come back", () => {
  const need = { name: "ann", message_ids: ["m1", "m2"], count: 5 };
  expect(heldDecided(need, "accept")).toBe("2 messages let through to ann; 3 more wait");
  expect(heldDecided({ ...need, count: 2 }, "refuse")).toBe("2 messages refused; the sender sees it");
  expect(sentAgain({ name: "ann", message_id: "m1", count: 1 })).toBe("1 message queued once more");
});

test("an end says what it let through, if there was any", () => {
  expect(unmuted({ name: "ann" }, 0)).toBe("ann is unmuted");
  expect(unmuted({ name: "ann" }, 1)).toBe("ann is unmuted; 1 message let through");
  expect(resumed({ name: "den" }, 3)).toBe("@den is resumed; 3 messages delivered");
});

test("a sent message says what to expect of one recipient, and counts several", () => {
  const bob = { name: "bob", state: "queued" as const };
  expect(sentWords({ recipients: [] })).toBe("Kept in the pool; nobody was there to get it");
  expect(sentWords({ recipients: [{ ...bob, note: "idle: it is woken" }] })).toBe("queued for bob: idle: it is woken");
  const three = [bob, { ...bob, name: "cat" }, { name: "dan", state: "held" as const }];
  expect(sentWords({ recipients: three, understood: "'den' is @den" })).toBe(
    "queued for 2, held for 1 ('den' is @den)",
  );
});
