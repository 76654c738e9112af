/** The mail machine among hooks, a broker and faults that happen at any moment. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Outcome } from "../../src/rules/delivery.ts";
import { times } from "../support/soak.ts";
import { World } from "./mail-simulation.ts";

/** What may happen, by name, so that a counterexample can be read. */
const happenings = {
  "an effect works": (world) => world.perform("none"),
  "an effect fails": (world) => world.perform("before"),
  "an effect works, and its result is lost": (world) => world.perform("after"),
  "a message": (world) => arrive(world, "normal", 20),
  "a long message": (world) => arrive(world, "normal", 4_000),
  "a message too long for a frame": (world) => arrive(world, "normal", 9_000),
  "a low message": (world) => arrive(world, "low", 20),
  "an interrupt": (world) => arrive(world, "interrupt", 3_000),
  "a report": (world) => world.report(),
  run: (world) => world.request("run"),
  check: (world) => world.request("check"),
  "the host gets an answer": (world) => world.answer(),
  "a hook": (world) => world.take("PreToolUse", false),
  "a hook that wakes": (world) => world.take("FileChanged", false),
  "a hook that dies": (world) => world.take("Stop", true),
  "a batch ends": (world) => world.move("done", "seen"),
  "the model goes on": (world) => world.move("seen", "read"),
  tick: (world) => world.tick(),
  "a second": (world) => world.pass(1_000),
  "ten seconds": (world) => world.pass(11_000),
  "a lease": (world) => world.pass(31_000),
  heartbeat: (world) => world.heartbeat(),
  "busy or not": (world) => {
    world.isBusy = !world.isBusy;
  },
  "may wake or not": (world) => {
    world.mayWake = !world.mayWake;
  },
  "leaves and comes back": (world) => world.request("leave"),
  "is forgotten by the broker": (world) => world.request("resume"),
  restart: (world) => world.restart(),
} satisfies Record<string, (world: World) => void>;
type Happening = keyof typeof happenings;

function arrive(world: World, urgency: "interrupt" | "normal" | "low", length: number): void {
  world.send(urgency, length);
  world.hint();
  world.request("run");
}

const often: Happening[] = [
  "an effect works",
  "an effect works",
  "an effect works",
  "an effect works",
  "an effect works",
];
const all = Object.keys(happenings) as Happening[];
/** With these, nothing gets lost between the broker and the machine. */
const losing: Happening[] = ["an effect works, and its result is lost", "is forgotten by the broker", "restart"];
const orderly = all.filter((name) => !losing.includes(name));

function afterAny(names: Happening[], check: (world: World) => void): void {
  const one = fc.constantFrom(...names, ...often, ...often);
  fc.assert(
    fc.property(fc.array(one, { maxLength: 80, size: "max" }), (story) => {
      const world = new World();
      world.request("recover");
      for (const name of story) happenings[name](world);
      check(world);
    }),
    { numRuns: times(200, 5_000) },
  );
}

/** Ends the jobs that run. */
function finish(world: World): void {
  for (let i = 0; world.effect; i++) {
    if (i > 2_000) throw new Error("a job does not end");
    world.perform("none");
  }
}

/** From now on everything works: hooks take all mail, and the model reads it. */
function settle(world: World): void {
  world.isBusy = false;
  world.mayWake = true;
  finish(world);
  for (let round = 0; round < 4 || (round < 40 && !world.isQuiet()); round++) {
    world.hint();
    world.request("run");
    if (round % 4 === 3) world.request("check");
    finish(world);
    world.answer();
    world.take("PreToolUse", false);
    world.move("done", "read");
    world.move("seen", "read");
    world.pass(11_000);
    world.heartbeat();
    world.tick();
    finish(world);
  }
}

describe("the mail machine, whatever happens,", () => {
  test("brings every message to the model in the end, and leaves nothing behind", () => {
    afterAny(all, (world) => {
      settle(world);
      expect(world.unread()).toEqual([]);
      expect([world.mail, world.files, [...world.reports.keys()]]).toEqual([undefined, [], []]);
      expect([...world.broker.keys()].filter((id) => !world.shown.has(id))).toEqual([]);
      expect(world.state).toMatchObject({ job: undefined, queue: [], steps: [], unconfirmed: [] });
    });
  });

  test("marks what a model sees a second time", () => {
    afterAny(all, (world) => {
      settle(world);
      for (const id of world.broker.keys()) expect(world.shown.get(id)?.slice(1) ?? [], id).not.toContain(false);
    });
  });

  test("never tells the broker two different ends of one claim", () => {
    const possible: Outcome[][] = [["returned"], ["lost"], ["delivered"], ["read"], ["delivered", "read"]];
    afterAny(all, (world) => {
      settle(world);
      for (const [claim, heard] of world.outcomes)
        expect(possible, claim).toContainEqual(heard.filter((outcome, i) => outcome !== heard[i - 1]));
    });
  });

  test("accounts for every claim: it is in the spool, in an answer, or still to be acknowledged", () => {
    afterAny(orderly, (world) => {
      finish(world);
      const { file, offer, unconfirmed } = world.state;
      const known = [
        ...world.claims(),
        ...(offer.inSpool ? [] : file.messages),
        ...unconfirmed.flatMap(({ claims }) => claims),
        ...world.answers.flatMap(({ messages }) => messages),
      ].map(({ message_id, attempt }) => `${message_id}:${attempt}`);
      for (const [id, { delivery }] of world.broker)
        if (delivery.state === "claimed") expect(known).toContain(`${id}:${delivery.attempt}`);
    });
  });

  test("claims nothing while it leaves a peer, acknowledges as that peer, and leaves the spool empty", () => {
    afterAny(all, (world) => {
      world.comesBack = false;
      world.request("leave");
      while (world.effect) {
        const { effect, state } = world;
        if (!state.open) expect(["claim", "check", "put"]).not.toContain(effect.do);
        if (effect.do === "acknowledge") expect(effect.former).toBe(!state.open);
        world.perform("none");
      }
      expect([world.mail, world.files]).toEqual([undefined, []]);
      expect(world.state).toMatchObject({ open: false, unconfirmed: [] });
    });
  });

  test("offers mail that no hook takes to any hook, again and again", () => {
    afterAny(all, (world) => {
      finish(world);
      world.isBusy = false;
      world.mayWake = true;
      arrive(world, "normal", 20);
      finish(world);
      for (const deadline of [130_000, 130_000]) {
        let isOffered = false;
        for (let ms = 0; ms < deadline && !isOffered; ms += 1_000) {
          world.pass(1_000);
          world.heartbeat();
          // As the session server does it every second.
          world.request("run");
          world.tick();
          while (world.effect) {
            isOffered ||= world.effect.do === "put" && world.effect.late;
            world.perform("none");
          }
        }
        expect(isOffered).toBe(true);
      }
    });
  });
});
