/** The mail machine, whose open claims are answered over event streams that break. */
import { describe, expect, test } from "vitest";
import { claimsUnderWay } from "../../src/rules/mailstreams.ts";
import { Simulation } from "./mail-simulation.ts";
import { type Action, afterAny, arrive, finish, orderly, settle } from "./mail-stories.ts";

/** After these a model may have seen mail that comes again, or nobody can know. */
const doubtful: Action[] = ["a second", "ten seconds", "a lease", "a hook that dies", "a hook that is slow"];
const certain = orderly.filter((name) => !doubtful.includes(name));

function withOpenClaim(): Simulation {
  const sim = new Simulation();
  sim.request("recover");
  sim.openStream();
  finish(sim);
  return sim;
}

describe("the mail machine, whose streams break at any moment,", () => {
  test("marks nothing that no model has seen", () => {
    afterAny(certain, (sim) => {
      settle(sim);
      for (const [id, marks] of sim.shown) expect(marks[0], id).toBe(false);
    });
  });

  test("gets what the broker claimed for it unmarked, even if its leases have lapsed before it is back", () => {
    afterAny(certain, (sim) => {
      settle(sim);
      sim.openStream();
      finish(sim);
      for (let i = 0; i < 3; i++) sim.send("normal", 20);
      sim.hint();
      const ids = sim.unread();
      sim.streams.lose(false);
      sim.pass(31_000);
      expect(sim.broker.get(ids[0] ?? "")?.delivery).toMatchObject({ state: "queued", lost: 1, redelivered: true });
      sim.openStream();
      settle(sim);
      for (const id of ids) expect(sim.shown.get(id), id).toEqual([false]);
    });
  });

  test("asks for nothing when mail comes to its empty spool: it was claimed before", () => {
    const sim = withOpenClaim();
    const effects: string[] = [];
    sim.send("normal", 20);
    sim.hint();
    sim.streams.deliver();
    for (; sim.effect; sim.perform("none")) effects.push(sim.effect.do);
    expect(effects).toEqual(["take back", "put"]);
  });

  test("holds the claims of an answer that waits for another job", () => {
    const sim = withOpenClaim();
    sim.send("normal", 20);
    sim.request("run");
    sim.hint();
    expect(sim.effect).toBeDefined();
    sim.streams.deliver();
    expect(claimsUnderWay(sim.state)).toMatchObject([{ attempt: 1 }]);
    finish(sim);
    expect(claimsUnderWay(sim.state)).toEqual([]);
  });

  test("gives a check what is on its way, once, whenever that comes", () => {
    for (let moment = 0; moment < 12; moment++) {
      const sim = withOpenClaim();
      sim.send("normal", 20);
      sim.hint();
      sim.request("check");
      for (let i = 0; sim.effect || i <= moment; i++) {
        if (i === moment) sim.streams.deliver();
        if (sim.effect) sim.perform("none");
      }
      const ids = sim.answers.flatMap(({ messages }) => messages.map(({ message_id }) => message_id));
      expect(ids, `at step ${moment}`).toHaveLength(1);
      sim.answer();
      settle(sim);
      expect([...sim.shown.values()]).toEqual([[false]]);
    }
  });

  test("asks once for the next mail when a hook has taken what it has, however often it looks", () => {
    const sim = withOpenClaim();
    arrive(sim, "normal", 20);
    finish(sim);
    sim.take("PreToolUse", false);
    let claims = 0;
    for (let i = 0; i < 5; i++) {
      sim.request("run");
      for (; sim.effect; sim.perform("none")) if (sim.effect.do === "claim") claims++;
    }
    expect(claims).toBe(1);
  });
});
