/** What senders are told to expect: the same words as ever for Claude Code, and no promise that another agent cannot keep. */
import { describe, expect, test } from "vitest";
import { agentFrom, asksForMail } from "../../src/rules/agents.ts";
import { type deliveryStates, urgencies } from "../../src/rules/delivery.ts";
import { hooksStates, presences } from "../../src/rules/presence.ts";
import { expectedOf, expectedOfPool } from "../../src/rules/texts/before-sending.ts";
import { expectation, type Seen } from "../../src/rules/texts/expectation.ts";

const NOW = 10 * 3_600_000;

type Case = {
  seen: Seen;
  state: (typeof deliveryStates)[number];
  urgency: (typeof urgencies)[number];
  canWake: boolean;
};

/** Every combination of what decides. */
function* cases(...agents: string[]): Generator<Case> {
  const both = [true, false];
  for (const agent of agents)
    for (const presence of presences)
      for (const hooks of hooksStates)
        for (const wakes of both)
          for (const midturn of both)
            for (const busy_until of presence === "busy" ? [undefined, NOW - 60_000, NOW + 300_000] : [undefined])
              for (const took_at of [null, NOW - 120_000])
                for (const [isUnheard, polls] of [
                  [false, false],
                  [true, false],
                  [false, true],
                ] as const) {
                  const isBusy = presence === "busy";
                  const about = {
                    name: "api",
                    agent,
                    presence,
                    hooks,
                    wakes,
                    midturn,
                    took_at,
                    isUnheard,
                    polls,
                    isBusy,
                  };
                  const seen = { ...about, last_seen: NOW - 60_000, busy_reason: isBusy ? "tests" : null, busy_until };
                  for (const urgency of urgencies)
                    for (const state of ["queued", "held", "refused"] as const)
                      for (const canWake of both) yield { seen, state, urgency, canWake };
                }
}

const said = ({ seen, state, urgency, canWake }: Case): string =>
  expectation(seen, state, urgency, NOW, canWake) ?? "nothing";

/** What was said before there were other agents. */
function formerly({ seen, state, urgency, canWake }: Case): string {
  if (state === "held") return "it holds such mail until the operator releases it";
  if (state === "refused") return "it refuses such mail";
  if (seen.presence === "offline") return "offline for 60 s; kept until it is back";
  if (seen.polls) return "it polls for mail about once a minute";
  if (seen.hooks === "unwritable")
    return "its machine cannot write mail now (its disk may be full); kept until that works, or until it calls cct_check_messages";
  if (seen.hooks === "unserved") return "its session server is gone or cannot reach the broker; kept until it is back";
  if (seen.isUnheard) return "last heard 60 s ago, it may be gone; kept until it is back";
  if (seen.hooks === "quiet")
    return `no live hook: ${seen.took_at === null ? "it has taken no mail yet" : "last took mail 2 min ago"}; gets it when it calls cct_check_messages`;
  if (seen.presence === "busy") {
    if (seen.busy_until === undefined) return 'busy with "tests", and gets it after that';
    const left = seen.busy_until > NOW ? "about 5 min left" : "longer than estimated";
    const then = urgency === "interrupt" ? "; an interrupt goes through" : ", and gets it when it is ready";
    return `busy with "tests", ${left}${then}`;
  }
  if (seen.presence === "blocked") return "waits for its user's permission and gets it after that";
  if (seen.presence === "active") return "working, and gets it at its next tool call";
  if (urgency === "low") return "idle, and gets it at its next turn (low urgency never wakes)";
  if (!canWake && urgency !== "interrupt")
    return "reached its limit of wakes per hour, and gets it at its next turn, or when the hour is over";
  if (!seen.wakes) return "idle and cannot be woken; gets it with its next tool call or prompt, if there is one";
  return "idle and will be woken";
}

/** Nothing else is said before that: it is there, and nothing is wrong with it. */
const isWell = ({ seen, state }: Case): boolean =>
  state === "queued" &&
  seen.presence !== "offline" &&
  !seen.polls &&
  !seen.isUnheard &&
  seen.hooks !== "unwritable" &&
  seen.hooks !== "unserved";

describe("a sender reads", () => {
  test("of Claude Code what it always read", () => {
    const all = [...cases("claude")];
    expect(all.map(said)).toEqual(all.map(formerly));
  });

  test("the same of another agent that can do the same", () => {
    const able = [...cases("codex")].filter(({ seen }) => seen.wakes && seen.midturn);
    expect(able.map(said)).toEqual(able.map(formerly));
  });

  test("of no session more than it can do", () => {
    for (const one of cases("gemini", "other")) {
      const text = said(one);
      const { wakes, midturn, hooks, presence } = one.seen;
      const why = JSON.stringify(one);
      if (!wakes) expect(text, why).not.toMatch(/will be woken|limit of wakes|when the hour/);
      if (!wakes) expect(text, why).not.toMatch(/when it is ready|between its turns/);
      if (!midturn) expect(text, why).not.toMatch(/tool call|goes through|while it works|after that$|is ready/);
      if (text.includes("will be woken")) expect(presence, why).toBe("idle");
      if (hooks === "quiet" && isWell(one)) expect(text, why).toMatch(/cct_check_messages|takes mail when it asks$/);
      if (text.includes("takes mail when it asks")) expect(asksForMail(one.seen) && isWell(one), why).toBe(true);
    }
  });

  test("of each session that is there something in few words, beginning with the agent where that is why", () => {
    for (const one of cases("gemini"))
      if (isWell(one)) {
        const text = said(one);
        const isOwn = text !== formerly(one);
        expect(text.startsWith("gemini: "), text).toBe(isOwn);
        expect(text.length, text).toBeLessThanOrEqual(120);
        if (isOwn) expect(one.seen.wakes && one.seen.midturn).toBe(false);
      }
  });

  test("the examples of the documentation", () => {
    const base = { name: "api", last_seen: NOW, isBusy: false, hooks: "live", took_at: null } as const;
    const of = (more: Partial<Seen>, urgency: (typeof urgencies)[number] = "normal") =>
      expectation(
        { ...base, agent: "gemini", presence: "idle", wakes: true, midturn: true, ...more },
        "queued",
        urgency,
        NOW,
        true,
      );
    expect(of({ wakes: false })).toBe("gemini: takes mail at its next prompt; cannot be woken");
    expect(of({ wakes: false, presence: "active" })).toBe("working, and gets it at its next tool call");
    expect(of({ agent: "copilot", midturn: false, presence: "active" })).toBe("copilot: takes mail when its turn ends");
    expect(of({ agent: "copilot", midturn: false })).toBe("idle and will be woken");
    const other = { agent: "other", wakes: false, midturn: false } as const;
    for (const presence of presences)
      for (const hooks of ["live", "quiet"] as const)
        if (presence !== "offline") expect(of({ ...other, presence, hooks })).toBe("other: takes mail when it asks");
    const busy = { presence: "busy", isBusy: true, busy_reason: "tests", busy_until: NOW + 300_000 } as const;
    expect(of({ ...busy, wakes: false })).toBe(
      'gemini: busy with "tests", about 5 min left; takes mail after that, while it works or at its next prompt',
    );
    expect(of({ ...busy, midturn: false }, "interrupt")).toBe(
      'gemini: busy with "tests", about 5 min left; takes an interrupt between its turns',
    );
  });
});

describe("a person reads", () => {
  test("before sending what the answer will say", () => {
    const row = { name: "api", presence: "idle", last_seen: NOW } as const;
    expect(expectedOf(row, "normal", NOW)).toBe("api: idle and will be woken");
    expect(expectedOf({ ...row, agent: "gemini", wakes: false }, "normal", NOW)).toBe(
      "api: gemini: takes mail at its next prompt; cannot be woken",
    );
  });

  test("of a pool how many get it when, each once", () => {
    const both = [true, false];
    const members = both.flatMap((wakes) =>
      both.flatMap((midturn) =>
        presences.flatMap((presence) =>
          (["live", "quiet"] as const).map((hooks) => ({ agent: "gemini", presence, wakes, midturn, hooks })),
        ),
      ),
    );
    const text = expectedOfPool({ name: "front", size: members.length }, members, "normal");
    const counts = text.slice(text.indexOf(":")).match(/\d+/g) ?? [];
    expect(counts.reduce((sum, count) => sum + Number(count), 0)).toBe(members.length);
    expect(text).toBe(
      "40 members get it: 4 are woken, 2 at their next prompt, 12 see it while working, 6 when their turns end, 8 when they ask, 8 when back",
    );
    const few = (agent: string) => [
      { agent, presence: "idle" as const, wakes: false, midturn: false, hooks: "quiet" as const },
    ];
    expect(expectedOfPool({ name: "front", size: 1 }, few("other"), "normal")).toBe("1 member gets it: 1 when it asks");
  });
});

test("a client that asks for its mail is at fault when its session server is gone, or cannot write", () => {
  const asks = hooksStates.filter((hooks) => asksForMail({ agent: "other", wakes: false, midturn: false, hooks }));
  expect(asks).toEqual(["live", "quiet"]);
  expect(asksForMail({ agent: "claude", wakes: false, midturn: false })).toBe(false);
});

test("agents are compared in lower case, and none is Claude Code", () => {
  expect([agentFrom(undefined), agentFrom("Codex")]).toEqual(["claude", "codex"]);
});
