/** Pools, votes and busy signals from the command line: as the operator, and as a session. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { ok } from "../support/api.ts";
import { type CctRun, failure, success, wrongUsage } from "../support/cct.ts";
import { startHost, type TestHost } from "../support/host.ts";
import { newPeer, stayAlive, type TestPeer } from "../support/peers.ts";
import { run } from "../support/process.ts";
import { personWithBroker } from "./person.ts";

let me: Awaited<ReturnType<typeof personWithBroker>>;
/** A session of this machine; its shell knows the host's pid. */
let ben: TestHost;
/** A peer of another machine. */
let zoe: TestPeer;

beforeAll(async () => {
  me = await personWithBroker();
  ben = await startHost(me.broker.home, "ben");
  await ben.ready();
  // Hooks that never say a word are told to senders after a while.
  await ben.hook("SessionStart", { source: "startup" });
  zoe = await newPeer(me.broker, "zoe");
  stayAlive(me.broker, zoe);
});

const asBen = (...words: string[]): Promise<CctRun> =>
  me.cctWith({ env: { ...me.env, CLAUDE_PID: String(ben.pid) } }, ...words);
const json = async (ran: Promise<CctRun>) => JSON.parse(success(await ran));
/** The newest message of a peer or person. A session that takes it may be told the pool's news at the same moment. */
const newest = async (): Promise<{ from_name: string; text: string; to: string }> => {
  const { messages } = await ok(me.broker, "messages", { limit: 10 });
  return messages.find(({ from_name }) => from_name !== "cct") ?? { from_name: "", text: "", to: "" };
};

describe("the operator", () => {
  test("sees how to create a pool if there is none", async () => {
    const alone = await personWithBroker();
    expect(success(await alone.cct("pools"))).toMatch(/^No pools\. Create one with: cct pool create /);
    expect(await json(alone.cct("pools", "--json"))).toEqual({ pools: [] });
  });

  test("creates a pool, invites into it, lists it, writes to it and archives it", async () => {
    expect(success(await me.cct("pool", "create", "front", "the new form"))).toBe("@front, active: the new form\n");
    const invited = success(
      await me.cct("pool", "invite", "front", "ben", "--role", "writer", "--reason", "you know it"),
    );
    expect(invited).toMatch(/^@front, active: the new form\nNAME +ROLE +PRESENCE +ID +HOST\nben +lead /);
    expect(success(await me.cct("pool", "invite", "@front", zoe.peer_id.slice(0, 8)))).toMatch(
      /\bzoe +member +idle +[0-9a-f]{4} +elsewhere\n/,
    );

    const [head, ...rows] = success(await me.cct("pools"))
      .trimEnd()
      .split("\n");
    expect(head).toMatch(/^NAME +STATE +MEMBERS +LEAD +ID +PURPOSE$/);
    expect(rows).toEqual([expect.stringMatching(/^@front +active +2 +ben +[0-9a-f]{4} +the new form$/)]);
    expect(success(await me.cct("peers"))).toMatch(/\bzoe +idle +\d+ +[0-9a-f]{4} +@front/);
    expect(
      success(await me.cct("peers", "--pool", "front"))
        .trimEnd()
        .split("\n"),
    ).toHaveLength(3);

    const said = success(await me.cct("broadcast", "front", "hello all"));
    expect(said).toMatch(/^queued for (ben|zoe)@\S+: .+\nqueued for (ben|zoe)@\S+: .+\nmessage [\w-]+\n$/);
    expect(await newest()).toMatchObject({ from_name: "operator", to: "@front", text: "hello all" });
    success(await me.cctWith({ stdin: "from a pipe\n" }, "broadcast", "@front", "-", "--urgency", "low"));
    expect((await newest()).text).toBe("from a pipe");

    const status = success(await me.cct("pool", "status", "front"));
    expect(status).toMatch(/^@front, active: the new form\n/);
    for (const part of [
      /\bben +lead\b/,
      /\bzoe +member\b/,
      /operator +(just now|\d+ (?:s|min) ago) +hello all/,
      /FROM +SENT +TEXT/,
    ])
      expect(status).toMatch(part);
    expect(status.indexOf("hello all")).toBeLessThan(status.indexOf("from a pipe"));
    expect(await json(me.cct("pool", "status", "front", "--json"))).toMatchObject({
      pool: { name: "front", size: 2 },
      members: [{ name: "ben" }, { name: "zoe" }],
      open_proposals: [],
    });

    expect(success(await me.cct("pool", "archive", "front"))).toBe("@front, archived: the new form\n");
    expect(success(await me.cct("pools"))).toMatch(/^No pools/);
    expect(success(await me.cct("pools", "--include-archived"))).toMatch(
      /@front +archived +0 +[0-9a-f]{4} +the new form/,
    );
  });

  test("sees whose vote on a release does not count, and why", async () => {
    success(await me.cct("pool", "create", "twins", "to judge"));
    const twin = await newPeer(me.broker, "twin", { host_pid: zoe.place.host_pid });
    for (const name of ["ben", "zoe", twin.name]) success(await me.cct("pool", "invite", "twins", name));
    const made = success(await me.cct("release", "propose", "twins", "ben", "the work is done"));
    expect(made).toMatch(
      /\n {2}0 of 2 voted yes, 2 needed; .*\n {2}no vote: twin \(it runs in the same process as zoe\)\n$/,
    );
    expect(success(await me.cct("pool", "status", "twins"))).toContain("no vote: twin (it runs in");
  });

  test("proposes and decides a release", async () => {
    success(await me.cct("pool", "create", "jury", "to judge"));
    for (const name of ["ben", "zoe"]) success(await me.cct("pool", "invite", "jury", name));
    const made = success(
      await me.cct("release", "propose", "jury", "zoe", "the work is done", "--deadline-seconds", "3600"),
    );
    expect(made).toMatch(
      /^open: release zoe \(proposal [0-9a-f]{8}, (59 min|1 h|60 min)[^)]* left\)\n {2}the operator: the work is done\n {2}0 of 2 voted yes, 2 needed; ben, zoe did not vote\n$/,
    );
    const id = /proposal ([0-9a-f]{8})/.exec(made)?.[1] ?? "";
    expect(success(await me.cct("pool", "status", "jury"))).toContain("open: release zoe");
    expect(success(await asBen("release", "vote", id, "yes"))).toMatch(/1 of 2 voted yes.*\n {2}votes: ben yes\n$/);
    expect(success(await me.cct("release", "decide", id, "passed"))).toMatch(
      /^passed: release zoe .*\n.*\n {2}the operator decided it\n/,
    );
    expect(success(await me.cct("pool", "status", "jury"))).toMatch(/\bzoe +member, released\b/);
    expect(failure(await me.cct("release", "decide", id, "withdrawn"))).toMatch(/is passed: the operator decided it/);
    expect(failure(await asBen("release", "vote", id, "no"))).toMatch(/A decision is final/);
  });

  test("cannot do what only a session does; the error says how to name one", async () => {
    const words = [
      ["pool", "join", "jury"],
      ["pool", "leave", "jury"],
      ["release", "vote", "ffff", "yes"],
      ["busy", "x", "60"],
      ["ready"],
    ];
    for (const command of words)
      expect(wrongUsage(await me.cct(...command))).toMatch(/not a session's shell\. Name the session: --as <peer>\./);
  });
});

describe("in a session's shell", () => {
  test("a command acts as that session", async () => {
    expect((await json(asBen("pool", "create", "shell", "of ben", "--json"))).pool).toMatchObject({
      lead: "ben",
      your_role: "lead",
    });
    success(await asBen("pool", "invite", "shell", "zoe"));
    success(await asBen("broadcast", "shell", "from ben's shell"));
    expect(await newest()).toMatchObject({ from_name: "ben", to: "@shell" });
    success(await asBen("send", "zoe", "to you"));
    expect(await newest()).toMatchObject({ from_name: "ben", text: "to you" });
    expect(success(await asBen("pool", "leave", "shell"))).toMatch(/^@shell, active: of ben\n(?!.*\bben\b)/s);
    expect(success(await asBen("pool", "join", "@shell", "--role", "guest"))).toMatch(/\bben +guest\b/);
  });

  test("busy and ready change its presence", async () => {
    expect(success(await asBen("busy", "the test suite", "360"))).toMatch(
      /^ben is busy \(the test suite, [56] min.* left\)\.\n$/,
    );
    expect(success(await me.cct("peers"))).toMatch(/\bben +busy \(the test suite, \d+ min.* left\)/);
    expect(success(await me.cct("send", "ben", "when you are done"))).toMatch(
      /^queued for ben@\S+: busy with "the test suite", about [56] min left, and gets it when it is ready\n/,
    );
    expect(await json(asBen("busy", "more", "60", "--json"))).toMatchObject({ presence: "busy", busy_reason: "more" });
    expect(success(await asBen("ready"))).toMatch(/^ben is (idle|active)\.\n$/);
    expect(wrongUsage(await asBen("busy", "too long", "86401"))).toMatch(/estimate_seconds/);
    expect(wrongUsage(await asBen("busy", "no time", "0"))).toMatch(/estimate_seconds/);
    expect(wrongUsage(await asBen("busy", " ", "60"))).toMatch(/reason is empty/);
  });

  test.each(["", "0", "-1", "abc", "999999999"])(
    "a host process id (%j) without a session makes the caller the operator",
    async (pid) => {
      success(await me.cctWith({ env: { ...me.env, CLAUDE_PID: pid } }, "send", "zoe", `by hand ${pid}`));
      expect(await newest()).toMatchObject({ from_name: "operator", text: `by hand ${pid}` });
    },
  );

  test("a reused process id does not give another process the session's identity", async () => {
    const { pid } = run("sleep", ["600"]);
    // As ben left it, but for the number: the process that has it now began at another moment.
    const note = readFileSync(join(me.broker.home, "pidmaps", String(ben.pid)), "utf8");
    writeFileSync(join(me.broker.home, "pidmaps", String(pid)), note);
    const [id] = note.split(" ");
    const file = join(me.broker.home, "peers", `${id}.json`);
    const record = readFileSync(file, "utf8");
    const words = ["send", "zoe", "whose word is this"];
    try {
      writeFileSync(file, JSON.stringify({ ...JSON.parse(record), host_pid: pid }));
      success(await me.cctWith({ env: { ...me.env, CLAUDE_PID: String(pid) } }, ...words));
    } finally {
      writeFileSync(file, record);
    }
    expect(await newest()).toMatchObject({ from_name: "operator", text: "whose word is this" });
  });
});

describe("--as", () => {
  test("acts for a session of this machine, by name or id", async () => {
    success(await me.cct("pool", "create", "borrowed", "by me, for ben"));
    expect(success(await me.cct("pool", "join", "borrowed", "--as", "ben"))).toMatch(/\bben +lead\b/);
    const [id = ""] = readFileSync(join(me.broker.home, "pidmaps", String(ben.pid)), "utf8").split(" ");
    success(await me.cct("send", "zoe", "through me", "--as", id.slice(0, 8)));
    expect(await newest()).toMatchObject({ from_name: "ben", text: "through me" });
    expect(success(await me.cct("pool", "leave", "borrowed", "--as", "ben"))).toBe(
      "@borrowed, archived: by me, for ben\nNo members.\n",
    );
  });

  test("is refused for a session of another machine, and for an unknown one", async () => {
    expect(failure(await me.cct("ready", "--as", "zoe"))).toMatch(/zoe is not a session of this machine/);
    expect(failure(await me.cct("ready", "--as", "nobody"))).toMatch(/no peer 'nobody'/);
  });
});

describe("failures", () => {
  test("print one line with what to do", async () => {
    expect(failure(await me.cct("pool", "status", "nowhere"))).toMatch(/no pool '@nowhere'/);
    expect(failure(await me.cct("broadcast", "nowhere", "x"))).toMatch(/no pool '@nowhere'/);
    expect(wrongUsage(await me.cct("pool", "create", "a b", "x"))).toMatch(/cannot be a pool's name/);
    expect(wrongUsage(await me.cct("pool", "create", "fresh", "\u001b[31mred"))).toMatch(
      /purpose contains the control character U\+001B/,
    );
    expect(failure(await me.cct("pool", "invite", "jury", "ben"))).toMatch(/ben is already a member of @jury/);
    expect(failure(await me.cct("release", "propose", "jury", "nobody", "x"))).toMatch(
      /'nobody' is not a member of @jury\. Members: ben/,
    );
    expect(failure(await asBen("release", "vote", "ffff", "yes"))).toMatch(/no proposal 'ffff'/);
  });

  test.each([
    [["pool"]],
    [["pool", "create", "only-a-name"]],
    [["pool", "status"]],
    [["pool", "dissolve", "jury"]],
    [["pools", "--colour"]],
    [["broadcast", "jury"]],
    [["broadcast", "jury", "x", "--to", "zoe"]],
    [["release", "vote", "ffff", "maybe"]],
    [["release", "decide", "ffff", "open"]],
    [["release", "propose", "jury", "ben"]],
    [["busy", "why"]],
    [["busy", "why", "soon"]],
    [["busy", "why", "--", "-5"]],
    [["ready", "now"]],
  ])("wrong usage exits with 2: %j", async (words) => {
    const run = await me.cct(...words);
    // A group alone shows its commands.
    if (words.length > 1) wrongUsage(run);
    else expect(run).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("Commands:") });
  });

  test.each([["pool"], ["release"]])("help names the commands of the group %s", async (group) => {
    const help = success(await me.cct(group, "--help"));
    const commands = {
      pool: ["create", "invite", "join", "leave", "archive", "status"],
      release: ["propose", "vote", "decide"],
    };
    for (const command of commands[group as "pool" | "release"])
      expect(help).toMatch(new RegExp(`^ +${command} `, "m"));
  });
});
