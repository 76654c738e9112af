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

/** A session and its broker, in as far as the machine can see them. */
class World {
  state = newConnection;
  call: Call | undefined;
  /** All calls that were begun, and all notices, oldest first. */
  log: (Call | Notice)[] = [];
  /** What the host is in now, and whose that is: by the conversation's name. */
  conversation: string | undefined = "first";
  byHooks = false;
  isListening = false;
  signals = 0;

  dispatch(event: Event): void {
    const { state, call, notices } = step(this.state, event);
    if (call && this.call) throw new Error(`two calls at once: ${this.call.do}, ${call.do}`);
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

const happenings = {
  "a call succeeds": (world) => world.succeed(),
  "a registration makes a new peer": (world) => world.succeed("created"),
  "a registration makes a forgotten peer again": (world) => world.succeed("recreated"),
  "no broker answers": (world) => world.fail("unavailable", true),
  "the broker cannot work now": (world) => world.fail("store_failed"),
  "the broker does not know the peer": (world) => world.fail("unauthorized"),
  "another session is the peer": (world) => world.fail("conflict"),
  "the stream breaks": (world) => world.lose("unavailable"),
  "the stream is refused": (world) => world.lose("unauthorized"),
  "a heartbeat is due": (world) => world.dispatch({ type: "heartbeat due" }),
  "hooks report the same": (world) => world.dispatch({ type: "signals", signals: `${world.signals}` }),
  "hooks report something new": (world) => world.dispatch({ type: "signals", signals: `${++world.signals}` }),
  "hooks name the conversation": (world) => {
    world.byHooks = true;
  },
  clear: (world) => {
    world.conversation = "another";
  },
  "resume of another peer's conversation": (world) => {
    world.conversation = "another peer's";
  },
} satisfies Record<string, (world: World) => void>;
type Happening = keyof typeof happenings;

/** That a call succeeds is as likely as everything else together. */
const happening: fc.Arbitrary<Happening> = fc.oneof(
  fc.constant("a call succeeds" as const),
  fc.constantFrom(...(Object.keys(happenings) as Happening[])),
);

function afterAny(check: (world: World) => void): void {
  fc.assert(
    fc.property(fc.array(happening, { maxLength: 100, size: "max" }), (story) => {
      const world = new World();
      world.dispatch({ type: "start" });
      for (const name of story) happenings[name](world);
      check(world);
    }),
    { numRuns: times(500, 10_000) },
  );
}

/** From now on everything works. */
function settle(world: World): void {
  for (let i = 0; world.call; i++) {
    if (i > 50) throw new Error("it never rests");
    world.succeed();
  }
}

describe("the connection machine, whatever happens,", () => {
  test("is registered and rests as soon as everything works, and its last words were that the broker is up", () => {
    afterAny((world) => {
      settle(world);
      expect(world.state).toMatchObject({ status: "registered", stage: "idle", heartbeatDue: false });
      expect(world.isListening).toBe(true);
      world.dispatch({ type: "heartbeat due" });
      settle(world);
      const shown = world.log.filter((one) => one.do === "show");
      expect(shown.at(-1)).toEqual({ do: "show", broker: "up" });
    });
  });

  test("never has two calls under way, and sends heartbeats only while it is registered", () => {
    afterAny((world) => {
      // That no call began before the other ended is checked at every event.
      settle(world);
      let isRegistered = false;
      for (const one of world.log) {
        if (one.do === "listen") isRegistered = true;
        if (["leave mail", "find broker", "leave peer", "register", "open mail"].includes(one.do)) isRegistered = false;
        if (one.do === "heartbeat") expect(isRegistered).toBe(true);
      }
    });
  });

  test("opens the mail after every registration, before it sends a heartbeat", () => {
    afterAny((world) => {
      settle(world);
      const calls = world.calls();
      for (const [i, name] of calls.entries()) {
        if (name === "open mail") expect(calls[i - 1]).toBe("register");
        if (name === "register") expect(["open mail", "wait"]).toContain(calls[i + 1]);
      }
    });
  });

  test("empties the spool before it becomes the peer of another conversation", () => {
    afterAny((world) => {
      settle(world);
      world.conversation = "another peer's";
      if (world.state.conversation === "another peer's") return;
      world.log = [];
      world.dispatch({ type: "heartbeat due" });
      settle(world);
      const calls = world.calls().filter((name) => name !== "identify");
      expect(calls.slice(0, 3)).toEqual([
        "leave mail",
        "find broker",
        calls.includes("leave peer") ? "leave peer" : "register",
      ]);
      expect(world.state.conversation).toBe("another peer's");
    });
  });

  test("retries after a failure: at once the first time, and with growing pauses after that", () => {
    afterAny((world) => {
      settle(world);
      world.log = [];
      world.dispatch({ type: "stream lost", error: new CctError("unauthorized", "a fault", "") });
      for (let i = 0; i < 40; i++) world.fail("unavailable");
      const waits = world.log.flatMap((one) => (one.do === "wait" ? [one.failures] : []));
      expect(waits.length).toBeGreaterThan(5);
      expect(waits).toEqual(waits.map((_, i) => i));
    });
  });

  test("reports a signal of the hooks that is new with a heartbeat, and none that is not", () => {
    afterAny((world) => {
      settle(world);
      const reports = (signals: string): number => {
        const before = world.count("heartbeat");
        world.dispatch({ type: "signals", signals });
        settle(world);
        return world.count("heartbeat") - before;
      };
      // The first may find that the conversation has changed, and register.
      reports("new");
      reports("new");
      expect([reports("new"), reports("newer"), reports("newer")]).toEqual([0, 1, 0]);
    });
  });

  test("does nothing after its end but unregister, once, after the call that was under way", () => {
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 60 }), fc.array(happening, { maxLength: 30 }), (before, after) => {
        const world = new World();
        world.dispatch({ type: "start" });
        for (const name of before) happenings[name](world);
        const { hasPeer } = world.state;
        world.log = [];
        world.dispatch({ type: "close" });
        world.dispatch({ type: "close" });
        const isRegistering = world.call?.do === "register";
        for (const name of after) happenings[name](world);
        settle(world);
        expect(world.state).toMatchObject({ status: "closed", stage: "idle" });
        const unregistered = world.count("unregister");
        expect(world.log.map((one) => one.do)).toEqual(["stop", ...(unregistered ? ["unregister"] : []), "closed"]);
        // Whether a registration that was under way succeeded is chance.
        if (hasPeer || !isRegistering) expect(unregistered).toBe(hasPeer ? 1 : 0);
      }),
      { numRuns: times(500, 10_000) },
    );
  });
});
