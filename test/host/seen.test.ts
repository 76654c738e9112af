/** What the model is shown of CCT, by the real requests: the tables in `docs/what-a-model-sees.md`. */
import { join } from "node:path";
import { expect } from "vitest";
import { root } from "./needs.ts";
import { timesIn } from "./requests.ts";
import { bash, cct, say, use } from "./script.ts";
import { fixedParts, page, type Seen, seenIn, totalTokens } from "./seen-page.ts";
import type { Session } from "./session.ts";
import { hostTest, newWord, onStage, stage } from "./stage.ts";

let web: Session;
let api: Session;
let ops: Session;

onStage(async (stage) => {
  [web, api, ops] = await Promise.all([stage.start("web"), stage.start("api"), stage.start("ops")]);
});

const ASKS = "which port does the staging server listen on?";
/** Of those that had a turn. */
const allOver = (): Promise<unknown> =>
  Promise.all([web, api, ops].filter((one) => one.requests().length > 0).map((one) => one.turnOver()));

hostTest(
  "CCT costs a session at most 800 tokens, and a mail at most 40 around its body; the page says what models see",
  async () => {
    const seen: Seen[] = [];
    /** Sends to api; notes what its model is given of it. */
    async function mail(what: string, send: (text: string) => Promise<unknown>): Promise<void> {
      const word = newWord("word");
      const body = `${word} ${ASKS}`;
      await send(body);
      const request = await api.given(word);
      seen.push(seenIn(what, request, word, body));
      await allOver();
    }
    const byWeb = (text: string, more = {}): Promise<unknown> => web.send({ to: "api", text, ...more });
    /** The session works, and the mail comes during its first call. */
    const busy =
      (gate: string, more = {}) =>
      async (text: string) => {
        await api.play(use(stage().waitAt(gate)), use(bash("echo two")), use(bash("echo two")), say("done"));
        await stage().reached(gate);
        await Promise.all([byWeb(text, more), api.mailWaits().then(() => stage().open(gate))]);
      };

    await mail("the first turn of a session (wake)", byWeb);
    const [first] = api.requests();
    // Also where the host leaves the instructions of MCP servers out.
    expect(timesIn(first, "CCT connects this session")).toBe(1);
    await mail("idle (wake)", byWeb);
    // The names of deferred tools may follow the first request.
    const request = web.last();
    if (!request) throw new Error("no request");
    const fixed = fixedParts(request);
    expect(totalTokens(fixed)).toBeLessThanOrEqual(800);
    await mail("at work", busy("busy"));
    await mail("an interrupt", busy("urgent", { urgency: "interrupt" }));
    seen.push(seenIn("the call that an interrupt held back", api.last(), "call was not run"));
    await mail("from a person", (text) => stage().cct("send", "api", text));

    const purpose = newWord("purpose");
    await web.play(
      use(cct("create_pool", { name: "crew", purpose })),
      use(cct("invite_to_pool", { pool: "crew", peer: "api", reason: "the port" })),
      use(cct("invite_to_pool", { pool: "crew", peer: "ops", reason: "the port" })),
      say("done"),
    );
    seen.push(seenIn("a notice: added to a pool", await api.given(purpose), purpose));
    await allOver();
    await mail("to a pool, with what changed there", (text) => web.send({ to: "@crew", text }));
    const why = newWord("why");
    await web.play(use(cct("propose_release", { pool: "crew", peer: "ops", reason: why })), say("done"));
    seen.push(seenIn("a notice: a vote", await api.given(why), why));
    await allOver();
    await web.send({ to: "api", text: "x".repeat(20_000) });
    seen.push(seenIn("a message too long to show", await api.given("too long to show"), "too long to show"));
    await allOver();

    const text = page(fixed, seen, stage().needs.version);
    await expect(text).toMatchFileSnapshot(join(root, "docs", "what-a-model-sees.md"));
    // Between two sessions of a machine, instructions given.
    expect(text).toMatch(/^\| idle \(wake\) \| (9\d|1[0-4]\d) \| (2\d|3\d|40) \|/m);
  },
  600,
);
