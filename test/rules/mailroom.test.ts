/** The mail machine among hooks, a broker and faults that happen at any moment. */
import { describe, expect, test } from "vitest";
import type { Outcome } from "../../src/rules/delivery.ts";
import { readSpoolHead } from "../../src/rules/spoolfile.ts";
import { settleStreams } from "../../src/rules/stream-claims.ts";
import { Simulation } from "./mail-simulation.ts";
import { type Action, afterAny, all, arrive, finish, often, orderly, settle } from "./mail-stories.ts";

/** The mail file could not be taken back, and then it was time to offer it again. */
const failedLeave: Action[] = [
  ...often,
  ...often,
  "a message",
  ...often,
  ...often,
  "leaves and comes back",
  "tick",
  "a lease",
  "an effect fails",
];

/** The mail file could not be taken back for a check, and its lease lapsed before the broker was asked. */
const failedCheck = ["a long message", "check", ...Array(8).fill("an effect works"), "an effect fails", "a lease"];

/** A lease lapsed while the broker was out of reach; a hook has just taken the mail when it is claimed again. */
const slow: Action[] = [...often, "a message", ...often, "a lease", "a hook that is slow"];
const slowHook: Action[] = [...slow, "a message", ...often, ...often, "a hook", "a slow hook prints"];
/** The same, with a tool that asks for the mail. */
const slowHookAndCheck: Action[] = [
  ...slow,
  "check",
  ...often,
  ...often,
  "the host gets an answer",
  "a slow hook prints",
];

describe("the mail machine, whatever happens,", () => {
  test("brings every message to the model in the end, and leaves nothing behind", () => {
    afterAny(all, (sim) => {
      settle(sim);
      expect(sim.unread()).toEqual([]);
      expect([sim.mail, sim.files, [...sim.reports.keys()]]).toEqual([undefined, [], []]);
      expect([...sim.broker.keys()].filter((id) => !sim.shown.has(id))).toEqual([]);
      expect(sim.state).toMatchObject({ job: undefined, queue: [], steps: [], unconfirmed: [] });
    });
  });

  test("marks what a model sees a second time", () => {
    const check = (sim: Simulation): void => {
      settle(sim);
      for (const id of sim.broker.keys()) expect(sim.shown.get(id)?.slice(1) ?? [], id).not.toContain(false);
    };
    afterAny(all, check, failedCheck, slowHook, slowHookAndCheck);
  });

  test("never tells the broker two different ends of one claim", () => {
    const possible: Outcome[][] = [["returned"], ["lost"], ["delivered"], ["read"], ["delivered", "read"]];
    afterAny(all, (sim) => {
      settle(sim);
      for (const [claim, heard] of sim.outcomes)
        expect(possible, claim).toContainEqual(heard.filter((outcome, i) => outcome !== heard[i - 1]));
    });
  });

  test("accounts for every claim: in the spool, in an answer, to be acknowledged, or lost with a stream that it will report", () => {
    afterAny(orderly, (sim) => {
      finish(sim);
      const known = [
        ...sim.claims(),
        ...sim.state.unconfirmed.flatMap(({ claims }) => claims),
        ...sim.answers.flatMap(({ messages }) => messages),
        ...settleStreams(sim.streams.known, sim.state.closed).missed,
      ].map(({ message_id, attempt }) => `${message_id}:${attempt}`);
      for (const [id, { delivery }] of sim.broker)
        if (delivery.state === "claimed") expect(known).toContain(`${id}:${delivery.attempt}`);
    });
  });

  test("claims nothing while it leaves a peer, acknowledges as that peer, and leaves the spool empty", () => {
    afterAny(
      all,
      (sim) => {
        sim.comesBack = false;
        sim.request("leave");
        while (sim.effect) {
          const { effect, state } = sim;
          if (!state.open) expect(["claim", "check", "put"]).not.toContain(effect.do);
          if (effect.do === "acknowledge") expect(effect.former).toBe(!state.open);
          sim.perform("none");
        }
        expect([sim.mail, sim.files]).toEqual([undefined, []]);
        expect(sim.state).toMatchObject({ open: false, unconfirmed: [] });
      },
      failedLeave,
    );
  });

  test("offers mail that no hook takes to any hook, again and again", () => {
    afterAny(all, (sim) => {
      finish(sim);
      sim.isBusy = false;
      sim.mayWake = true;
      sim.isDiskFull = false;
      arrive(sim, "normal", 20);
      finish(sim);
      for (const deadline of [130_000, 130_000]) {
        let isOffered = false;
        for (let ms = 0; ms < deadline && !isOffered; ms += 1_000) {
          sim.pass(1_000);
          sim.heartbeat();
          // As the session server does it every second.
          sim.request("run");
          sim.tick();
          while (sim.effect) {
            isOffered ||= sim.effect.do === "put" && sim.effect.late && !sim.effect.nowake;
            sim.perform("none");
          }
        }
        expect(isOffered).toBe(true);
      }
    });
  });

  test("lets what CCT itself says wake the session after a second, or with a message that comes before", () => {
    const sim = new Simulation();
    const head = (): { nowake?: boolean; claims?: unknown[] } => {
      finish(sim);
      return readSpoolHead(sim.mail ?? "") ?? {};
    };
    const report = (): void => {
      sim.report();
      sim.request("run");
    };
    sim.request("recover");
    report();
    expect(head().nowake).toBe(true);
    for (const [ms, nowake] of [
      [900, true],
      [100, false],
    ] as const) {
      sim.pass(ms);
      // Another one does not make the first wait longer.
      report();
      finish(sim);
      sim.tick();
      expect(head().nowake).toBe(nowake);
    }
    sim.take("FileChanged", false);
    report();
    expect(head().nowake).toBe(true);
    arrive(sim, "normal", 20);
    expect(head()).toMatchObject({ nowake: false, claims: [{}, {}] });
  });

  test("reports mail as delivered as soon as the host has it", () => {
    afterAny(all, (sim) => {
      settle(sim);
      sim.send("normal", 20);
      sim.hint();
      sim.request("run");
      finish(sim);
      const [id = ""] = sim.unread();
      sim.take("PreToolUse", false);
      sim.request("run");
      finish(sim);
      expect(sim.broker.get(id)?.delivery.state).toBe("delivered");
    });
  });

  test("claims again after a claim that failed, without another hint", () => {
    afterAny(all, (sim) => {
      settle(sim);
      sim.streams.lose();
      arrive(sim, "normal", 20);
      while (sim.effect && sim.effect.do !== "claim") sim.perform("none");
      sim.perform("before");
      sim.request("run");
      finish(sim);
      expect(sim.mail).toContain("message-");
    });
  });

  test("writes mail again after a write that failed, but not at once", () => {
    // The mail before was written as one that must not wake.
    const heldBack: Action[] = [
      "an effect works, and its result is lost",
      "may wake or not",
      "a message",
      ...often,
      "a hook",
    ];
    afterAny(
      all,
      (sim) => {
        settle(sim);
        arrive(sim, "normal", 20);
        finish(sim, "put");
        sim.perform("before");
        const mailAfter = (ms: number): string | undefined => {
          sim.pass(ms);
          sim.tick();
          finish(sim);
          return sim.mail;
        };
        expect(mailAfter(1_000)).toBeUndefined();
        expect(mailAfter(10_000) ?? "").toContain("message-");
      },
      heldBack,
    );
  });

  test("gives mail back that it cannot write: not lost, not dead, and there once it can, or for a check at any time", () => {
    afterAny(all, (sim) => {
      settle(sim);
      sim.streams.lose();
      sim.isDiskFull = true;
      for (let i = 0; i < 3; i++) arrive(sim, "normal", 20);
      finish(sim);
      for (let second = 0; second < 200; second++) {
        sim.pass(1_000);
        sim.heartbeat();
        // As the session server does it every second, and at each hint.
        sim.hint();
        sim.request("run");
        sim.tick();
        finish(sim);
      }
      expect(sim.state.trouble).toMatchObject({ code: "ENOSPC", pause: 60_000 });
      const ids = sim.unread();
      expect(ids).toHaveLength(3);
      for (const id of ids)
        expect(sim.broker.get(id)?.delivery).toMatchObject({
          state: "queued",
          lost: 0,
          redelivered: false,
          attempt: 1,
        });
      expect(sim.state.broker.waiting).toBe(3);
      sim.request("check");
      finish(sim);
      expect(sim.answers.flatMap(({ messages }) => messages.map(({ message_id }) => message_id))).toEqual(ids);
      sim.answer();
      arrive(sim, "normal", 20);
      sim.isDiskFull = false;
      sim.pass(60_000);
      sim.tick();
      finish(sim);
      expect(sim.mail).toContain(sim.unread().at(-1));
      expect(sim.state.trouble).toBeUndefined();
    });
  });
});
