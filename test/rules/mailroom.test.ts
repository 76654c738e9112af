/** The mail machine among hooks, a broker and faults that happen at any moment. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Outcome } from "../../src/rules/delivery.ts";
import { times } from "../support/soak.ts";
import { Simulation } from "./mail-simulation.ts";

/** What may happen, by name, so that a counterexample can be read. */
const actions = {
  "an effect works": (sim) => sim.perform("none"),
  "an effect fails": (sim) => sim.perform("before"),
  "an effect works, and its result is lost": (sim) => sim.perform("after"),
  "a message": (sim) => arrive(sim, "normal", 20),
  "a long message": (sim) => arrive(sim, "normal", 4_000),
  "a message too long for a frame": (sim) => arrive(sim, "normal", 9_000),
  "a low message": (sim) => arrive(sim, "low", 20),
  "an interrupt": (sim) => arrive(sim, "interrupt", 3_000),
  "a report": (sim) => sim.report(),
  run: (sim) => sim.request("run"),
  check: (sim) => sim.request("check"),
  "the host gets an answer": (sim) => sim.answer(),
  "a hook": (sim) => sim.take("PreToolUse", false),
  "a hook that wakes": (sim) => sim.take("FileChanged", false),
  "a hook that dies": (sim) => sim.take("Stop", true),
  "a batch ends": (sim) => sim.move("done", "seen"),
  "the model goes on": (sim) => sim.move("seen", "read"),
  tick: (sim) => sim.tick(),
  "a second": (sim) => sim.pass(1_000),
  "ten seconds": (sim) => sim.pass(11_000),
  "a lease": (sim) => sim.pass(31_000),
  heartbeat: (sim) => sim.heartbeat(),
  "a disk that is full or not": (sim) => {
    sim.isDiskFull = !sim.isDiskFull;
  },
  "busy or not": (sim) => {
    sim.isBusy = !sim.isBusy;
  },
  "may wake or not": (sim) => {
    sim.mayWake = !sim.mayWake;
  },
  "leaves and comes back": (sim) => sim.changePeer("leave"),
  "is forgotten by the broker": (sim) => sim.changePeer("resume"),
  restart: (sim) => sim.restart(),
} satisfies Record<string, (sim: Simulation) => void>;
type Action = keyof typeof actions;

function arrive(sim: Simulation, urgency: "interrupt" | "normal" | "low", length: number): void {
  sim.send(urgency, length);
  sim.hint();
  sim.request("run");
}

const often: Action[] = ["an effect works", "an effect works", "an effect works", "an effect works", "an effect works"];
const all = Object.keys(actions) as Action[];
/** After these, a claim may be known to the broker only, until its lease expires. */
const losing: Action[] = ["an effect works, and its result is lost", "is forgotten by the broker", "restart"];
const orderly = all.filter((name) => !losing.includes(name));

/** `example`: a story that failed once. */
function afterAny(names: Action[], check: (sim: Simulation) => void, example: Action[] = []): void {
  const one = fc.constantFrom(...names, ...often, ...often);
  fc.assert(
    fc.property(fc.array(one, { maxLength: 80, size: "max" }), (story) => {
      const sim = new Simulation();
      sim.request("recover");
      for (const name of story) actions[name](sim);
      check(sim);
    }),
    { numRuns: times(200, 5_000), examples: [[example]] },
  );
}

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

/** Ends the jobs that run. */
function finish(sim: Simulation): void {
  for (let i = 0; sim.effect; i++) {
    if (i > 2_000) throw new Error("a job does not end");
    sim.perform("none");
  }
}

/** From now on everything works: hooks take all mail, and the model reads it. */
function settle(sim: Simulation): void {
  sim.isBusy = false;
  sim.mayWake = true;
  sim.isDiskFull = false;
  finish(sim);
  for (let round = 0; round < 4 || (round < 40 && !sim.isQuiet()); round++) {
    sim.hint();
    sim.request("run");
    if (round % 4 === 3) sim.request("check");
    finish(sim);
    sim.answer();
    sim.take("PreToolUse", false);
    sim.move("done", "read");
    sim.move("seen", "read");
    sim.pass(11_000);
    sim.heartbeat();
    sim.tick();
    finish(sim);
  }
}

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
    afterAny(all, (sim) => {
      settle(sim);
      for (const id of sim.broker.keys()) expect(sim.shown.get(id)?.slice(1) ?? [], id).not.toContain(false);
    });
  });

  test("never tells the broker two different ends of one claim", () => {
    const possible: Outcome[][] = [["returned"], ["lost"], ["delivered"], ["read"], ["delivered", "read"]];
    afterAny(all, (sim) => {
      settle(sim);
      for (const [claim, heard] of sim.outcomes)
        expect(possible, claim).toContainEqual(heard.filter((outcome, i) => outcome !== heard[i - 1]));
    });
  });

  test("accounts for every claim: it is in the spool, in an answer, or still to be acknowledged", () => {
    afterAny(orderly, (sim) => {
      finish(sim);
      const known = [
        ...sim.claims(),
        ...sim.state.unconfirmed.flatMap(({ claims }) => claims),
        ...sim.answers.flatMap(({ messages }) => messages),
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
            isOffered ||= sim.effect.do === "put" && sim.effect.late;
            sim.perform("none");
          }
        }
        expect(isOffered).toBe(true);
      }
    });
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
        while (sim.effect && sim.effect.do !== "put") sim.perform("none");
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
