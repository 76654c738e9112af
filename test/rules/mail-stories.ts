/** Stories about the mail machine: what may happen to a session, in any order. */
import fc from "fast-check";
import type { EffectName } from "../../src/rules/mailjobs.ts";
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
  "a stream opens": (sim) => sim.openStream(),
  "a stream breaks": (sim) => sim.streams.lose(),
  "a stream dies, and the broker does not notice": (sim) => sim.streams.lose(false),
  "an answer comes over the stream": (sim) => sim.streams.deliver(),
  run: (sim) => sim.request("run"),
  check: (sim) => sim.request("check"),
  "the host gets an answer": (sim) => sim.answer(),
  "a hook": (sim) => sim.take("PreToolUse", false),
  "a hook that wakes": (sim) => sim.take("FileChanged", false),
  "a hook that dies": (sim) => sim.take("Stop", true),
  "a hook that is slow": (sim) => sim.takeSlowly(),
  "a slow hook prints": (sim) => sim.printSlowly(),
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
export type Action = keyof typeof actions;

export function arrive(sim: Simulation, urgency: "interrupt" | "normal" | "low", length: number): void {
  sim.send(urgency, length);
  sim.hint();
  sim.request("run");
}

export const often: Action[] = [
  "an effect works",
  "an effect works",
  "an effect works",
  "an effect works",
  "an effect works",
];
export const all = Object.keys(actions) as Action[];
/** After these, a claim may be known to the broker only, until its lease expires. */
const losing: Action[] = ["an effect works, and its result is lost", "is forgotten by the broker", "restart"];
export const orderly = all.filter((name) => !losing.includes(name));

/** `examples`: stories that failed once. */
export function afterAny(names: Action[], check: (sim: Simulation) => void, ...examples: Action[][]): void {
  const one = fc.constantFrom(...names, ...often, ...often);
  fc.assert(
    fc.property(fc.array(one, { maxLength: 80, size: "max" }), (story) => {
      const sim = new Simulation();
      sim.request("recover");
      for (const name of story) actions[name](sim);
      check(sim);
    }),
    { numRuns: times(200, 5_000), examples: examples.map((one) => [one]) },
  );
}

/** Ends the jobs that run, and receives what is on its way. `before`: until this effect is under way. */
export function finish(sim: Simulation, before?: EffectName): void {
  for (let i = 0; sim.effect ? sim.effect.do !== before : sim.streams.isOnTheWay(); i++) {
    if (i > 2_000) throw new Error("a job does not end");
    if (sim.effect) sim.perform("none");
    else sim.streams.deliver();
  }
}

/** From now on everything works: hooks take all mail, and the model reads it. */
export function settle(sim: Simulation): void {
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
