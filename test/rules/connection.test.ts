/** The connection machine among brokers that fail, hosts that change their conversation, and sessions that end at any moment. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CctError, type ErrorCode } from "../../src/platform/errors.ts";
import {
  type Call,
  type Event,
  type Notice,
  newConnection,
  type Registration,
  step,
} from "../../src/rules/connection.ts";
import { times } from "../support/soak.ts";

/** What the machine can see of a session and its broker. */
class Simulation {
  state = newConnection;
  call: Call | undefined;
  /** All calls that were begun, and all notices, oldest first. */
  log: (Call | Notice)[] = [];
  /** The host's conversation now. Its name tells whose it is. */
  conversation: string | undefined = "first";
  byHooks = false;
  isListening = false;
  signals = 0;

  dispatch(event: Event): void {
    const { state, call, notices } = step(this.state, event);
    if (call && this.call) throw new Error(`two calls at once: ${this.call.do}, ${call.do}`);
    if (call?.do === "heartbeat" && state.status !== "registered") throw new Error(`a heartbeat while ${state.status}`);
    this.state = state;
    for (const notice of notices) {
      if (notice.do === "listen") this.isListening = true;
      if (notice.do === "stop") this.isListening = false;
      this.log.push(notice);
    }
    if (call) {
      this.call = call;
      this.log.push(call);
    }
  }

  /** The call that is under way succeeds. */
  succeed(registration: Registration = "restored"): void {
    const { call } = this;
    this.call = undefined;
    if (call) this.dispatch(this.#result(call, registration));
  }

  #result(call: Call, registration: Registration): Event {
    switch (call.do) {
      case "identify": {
        const { conversation, byHooks } = this;
        const isOther = conversation !== call.known && conversation === "another peer's";
        return { type: "identified", identity: { conversation, byHooks, isOther } };
      }
      case "register":
        return { type: "registered", registration };
      case "heartbeat":
        return { type: "answered", hasMail: this.signals % 2 === 0 };
      default:
        return { type: "done" };
    }
  }

  fail(code: ErrorCode, noAnswer = false): void {
    const { call } = this;
    // It only takes time, and looks at files.
    if (call?.do === "wait" || call?.do === "identify") this.succeed();
    else if (call) {
      this.call = undefined;
      this.dispatch({ type: "failed", error: new CctError(code, "a fault", ""), noAnswer });
    }
  }

  lose(code: ErrorCode): void {
    if (this.isListening) this.dispatch({ type: "stream lost", error: new CctError(code, "a fault", "") });
  }

  calls = (): Call["do"][] => this.log.flatMap((one) => (isCall(one) ? [one.do] : []));
  count = (name: (Call | Notice)["do"]): number => this.log.filter((one) => one.do === name).length;
}

const noticeNames = ["show", "report", "listen", "check mail", "stop", "closed"];
const isCall = (one: Call | Notice): one is Call => !noticeNames.includes(one.do);

const actions = {
  "a call succeeds": (sim) => sim.succeed(),
  "a registration makes a new peer": (sim) => sim.succeed("created"),
  "a registration makes a forgotten peer again": (sim) => sim.succeed("recreated"),
  "no broker answers": (sim) => sim.fail("unavailable", true),
  "the broker cannot work now": (sim) => sim.fail("store_failed"),
  "the broker does not know the peer": (sim) => sim.fail("unauthorized"),
  "another session is the peer": (sim) => sim.fail("conflict"),
  "the stream breaks": (sim) => sim.lose("unavailable"),
  "the stream is refused": (sim) => sim.lose("unauthorized"),
  "a heartbeat is due": (sim) => sim.dispatch({ type: "heartbeat due" }),
  "hooks report the same": (sim) => sim.dispatch({ type: "signals", signals: `${sim.signals}` }),
  "hooks report something new": (sim) => sim.dispatch({ type: "signals", signals: `${++sim.signals}` }),
  "hooks name the conversation": (sim) => {
    sim.byHooks = true;
  },
  clear: (sim) => {
    sim.conversation = "another";
  },
  "resume of another peer's conversation": (sim) => {
    sim.conversation = "another peer's";
  },
} satisfies Record<string, (sim: Simulation) => void>;
type Action = keyof typeof actions;

/** That a call succeeds is as likely as everything else together. */
const action: fc.Arbitrary<Action> = fc.oneof(
  fc.constant("a call succeeds" as const),
  fc.constantFrom(...(Object.keys(actions) as Action[])),
);

function afterAny(check: (sim: Simulation) => void): void {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 100, size: "max" }), (story) => {
      const sim = new Simulation();
      sim.dispatch({ type: "start" });
      for (const name of story) actions[name](sim);
      check(sim);
    }),
    { numRuns: times(500, 10_000) },
  );
}

/** From now on everything works. */
function settle(sim: Simulation): void {
  for (let i = 0; sim.call; i++) {
    if (i > 50) throw new Error("it never rests");
    sim.succeed();
  }
}

describe("the connection machine, whatever happens,", () => {
  test("is registered and rests as soon as everything works, and its last words were that the broker is up", () => {
    afterAny((sim) => {
      settle(sim);
      expect(sim.state).toMatchObject({ status: "registered", stage: "idle", heartbeatDue: false });
      expect(sim.isListening).toBe(true);
      sim.dispatch({ type: "heartbeat due" });
      settle(sim);
      const shown = sim.log.filter((one) => one.do === "show");
      expect(shown.at(-1)).toEqual({ do: "show", broker: "up" });
    });
  });

  test("never has two calls under way, and sends heartbeats only while it is registered", () => {
    // The simulation throws at the first step that does not hold to it.
    afterAny(settle);
  });

  test("repeats a heartbeat that the broker could not process", () => {
    afterAny((sim) => {
      settle(sim);
      sim.dispatch({ type: "heartbeat due" });
      while (sim.call && sim.call.do !== "heartbeat") sim.succeed();
      sim.fail("store_failed");
      const before = sim.count("heartbeat");
      settle(sim);
      expect(sim.count("heartbeat")).toBe(before + 1);
    });
  });

  test("opens the mail after every registration, before it sends a heartbeat", () => {
    afterAny((sim) => {
      settle(sim);
      const calls = sim.calls();
      for (const [i, name] of calls.entries()) {
        if (name === "open mail") expect(calls[i - 1]).toBe("register");
        if (name === "register") expect(["open mail", "wait"]).toContain(calls[i + 1]);
      }
    });
  });

  test("empties the spool before it becomes the peer of another conversation", () => {
    afterAny((sim) => {
      settle(sim);
      sim.conversation = "another peer's";
      if (sim.state.conversation === "another peer's") return;
      sim.log = [];
      sim.dispatch({ type: "heartbeat due" });
      settle(sim);
      const calls = sim.calls().filter((name) => name !== "identify");
      expect(calls.slice(0, 3)).toEqual([
        "leave mail",
        "find broker",
        calls.includes("leave peer") ? "leave peer" : "register",
      ]);
      expect(sim.state.conversation).toBe("another peer's");
    });
  });

  test("retries after a failure: at once the first time, and with growing pauses after that", () => {
    afterAny((sim) => {
      settle(sim);
      sim.log = [];
      sim.dispatch({ type: "stream lost", error: new CctError("unauthorized", "a fault", "") });
      for (let i = 0; i < 40; i++) sim.fail("unavailable");
      const waits = sim.log.flatMap((one) => (one.do === "wait" ? [one.failures] : []));
      expect(waits.length).toBeGreaterThan(5);
      expect(waits).toEqual(waits.map((_, i) => i));
    });
  });

  test("reports a signal of the hooks that is new with a heartbeat, and none that is not", () => {
    afterAny((sim) => {
      settle(sim);
      const reports = (signals: string): number => {
        const before = sim.count("heartbeat");
        sim.dispatch({ type: "signals", signals });
        settle(sim);
        return sim.count("heartbeat") - before;
      };
      // The first may find that the conversation has changed, and register.
      reports("new");
      reports("new");
      expect([reports("new"), reports("newer"), reports("newer")]).toEqual([0, 1, 0]);
    });
  });

  test("does nothing after its end but unregister, once, after the call that was under way", () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), fc.array(action, { maxLength: 30 }), (before, after) => {
        const sim = new Simulation();
        sim.dispatch({ type: "start" });
        for (const name of before) actions[name](sim);
        const { hasPeer } = sim.state;
        sim.log = [];
        sim.dispatch({ type: "close" });
        sim.dispatch({ type: "close" });
        const isRegistering = sim.call?.do === "register";
        for (const name of after) actions[name](sim);
        settle(sim);
        expect(sim.state).toMatchObject({ status: "closed", stage: "idle" });
        const unregistered = sim.count("unregister");
        expect(sim.log.map((one) => one.do)).toEqual(["stop", ...(unregistered ? ["unregister"] : []), "closed"]);
        // Whether a registration that was under way succeeded is chance.
        if (hasPeer || !isRegistering) expect(unregistered).toBe(hasPeer ? 1 : 0);
      }),
      { numRuns: times(500, 10_000) },
    );
  });
});
