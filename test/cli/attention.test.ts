/** What needs the operator, at the command line: the list, and putting rows of it aside. */
import { describe, expect, test } from "vitest";
import { ok } from "../support/api.ts";
import { failure, success } from "../support/cct.ts";
import { newPeer } from "../support/peers.ts";
import { personWithBroker } from "./person.ts";

/** Somebody who is asked three questions. */
async function asked() {
  const me = await personWithBroker();
  const ann = await newPeer(me.broker, "ann");
  for (const text of ["one?", "two?", "three?"]) await ok(me.broker, "send_message", { to: "operator", text }, ann);
  const list = async () => (await ok(me.broker, "attention", {})).needs.map(({ need_id }) => need_id);
  return { me, list, ids: await list() };
}

describe("cct attention dismiss", () => {
  test("takes several ids, and says what it did with each", async () => {
    const { me, list, ids } = await asked();
    const [first = "", second = "", third = ""] = ids;
    expect(ids).toHaveLength(3);
    expect(success(await me.cct("attention", "dismiss", first, second, first))).toBe(
      `${first} is put aside.\n${second} is put aside.\n`,
    );
    expect(await list()).toEqual([third]);
    success(await me.cct("attention", "dismiss", "--undo", first, second));
    expect((await list()).toSorted()).toEqual(ids.toSorted());
  });

  test("puts aside what is listed, names what is not, and says so by its exit code", async () => {
    const { me, list, ids } = await asked();
    const [first = "", second = "", third = ""] = ids;
    const run = await me.cct("attention", "dismiss", first, "question.gone", "nonsense", second);
    expect(run.stdout).toBe(`${first} is put aside.\n${second} is put aside.\n`);
    expect(failure(run)).toMatch(
      /^2 of 4 failed\. 'question\.gone' is not on the list: its cause may be gone\. 'nonsense' is not the id of a row\. .*cct attention --json$/,
    );
    expect(await list()).toEqual([third]);
    const json = await me.cct("attention", "dismiss", "--json", third, "question.gone");
    expect(json.code).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({
      dismissed: [{ need_id: third, found: true }],
      failed: [{ need_id: "question.gone", code: "not_found" }],
    });
    expect(await list()).toEqual([]);
  });

  test("of one id answers as before", async () => {
    const { me, ids } = await asked();
    const [first = ""] = ids;
    expect(JSON.parse(success(await me.cct("attention", "dismiss", "--json", first)))).toMatchObject({ found: true });
    expect(failure(await me.cct("attention", "dismiss", "question.gone"))).toMatch(/Nothing was changed/);
  });
});

test("cct traffic names both, and marks who is gone", async () => {
  const me = await personWithBroker();
  const [ann, ben] = [await newPeer(me.broker, "ann"), await newPeer(me.broker, "ben")];
  await ok(me.broker, "send_message", { to: ben.peer_id, text: "the last tomato" }, ann);
  await ok(me.broker, "unregister", { host_pid: ben.place.host_pid }, ben);
  success(await me.cct("peers", "forget", "ben", "--force"));
  for (const words of [["traffic"], ["messages"], ["search", "tomato"], ["conversations"]]) {
    const said = success(await me.cct(...words));
    // A conversation names its two in no particular order.
    expect(said, words[0]).toMatch(/\bann\b.*\bben\b|\bben\b.*\bann\b/);
    expect(said, words[0]).not.toContain(ben.peer_id.slice(0, 8));
  }
  expect(success(await me.cct("traffic"))).toMatch(/^ann +ben \(gone\) +1/m);
});
