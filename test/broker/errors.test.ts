/** Every error that an operation declares can come: the table is complete by its type. */
import { randomBytes } from "node:crypto";
import { beforeAll, expect, test } from "vitest";
import type { ErrorOf, InputOf, OperationName } from "../../src/operations/index.ts";
import { CctError } from "../../src/platform/errors.ts";
import type { Credentials } from "../support/api.ts";
import { type Clockwork, openClockwork } from "../support/clockwork.ts";
import type { TestPeer } from "../support/peers.ts";

/** All ids begin alike, so that this prefix fits several of everything. */
const SEVERAL = "abcd";
const newId = (): string => SEVERAL + randomBytes(14).toString("hex");

let works: Clockwork;
/** Lead of two pools, with bob, and with a proposal in each; carl is a stranger to them, dora is away. */
let ann: TestPeer;
let bob: TestPeer;
let carl: TestPeer;
let dora: TestPeer;
/** How the ids of two messages begin. */
const TWINS = "twin-message";
/** The same of two that carl's mailbox holds. */
const HELD = "held-message";
/** A message that ann read, and a proposal that was decided. */
let read = "";
let decided = "";
/** A message that bob has not been given. */
let waiting = "";

beforeAll(async () => {
  works = await openClockwork(newId);
  const { call, newPeer } = works;
  [ann, bob, carl, dora] = [await newPeer("ann"), await newPeer("bob"), await newPeer("carl"), await newPeer("dora")];
  await call("unregister", { host_pid: dora.place.host_pid }, dora);
  for (const pool of ["one", "two", "ended"]) {
    await call("create_pool", { name: pool, purpose: "tests" }, ann);
    await call("invite_to_pool", { pool, peer: "bob" }, ann);
    const { proposal_id } = await call("propose_release", { pool, peer: "bob", reason: "done" }, ann);
    if (pool === "ended") decided = proposal_id;
  }
  await call("archive_pool", { pool: "ended" }, ann);
  read = (await call("send_message", { to: "ann", text: "x" }, bob)).message_id;
  for (const n of [1, 2])
    await call("send_message", { to: "ann", text: `twin ${n}`, message_id: `${TWINS}-${n}` }, bob);
  await call("inbound_policy", { policy: "hold", from: "bob" }, carl);
  for (const n of [1, 2])
    await call("send_message", { to: "carl", text: `held ${n}`, message_id: `${HELD}-${n}` }, bob);
  await call("check_messages", {}, ann);
  waiting = (await call("send_message", { to: "bob", text: "later" }, ann)).message_id;
  for (const port of [1, 2]) await call("register_service", { kind: "api", url: `http://h:${port}`, host: "h" }, ann);
  for (const name of ["studio", "loft"]) await call("add_device", { name });
  for (const browser_id of [newId(), newId()])
    await works.fill("browsers", [
      {
        browser_id,
        name: "Firefox",
        token_hash: browser_id,
        device_id: null,
        created_at: works.now(),
        last_seen: works.now(),
      },
    ]);
});

interface Scenario<N extends OperationName> {
  input: InputOf<N>;
  as?: Credentials;
}
type Scenarios = {
  [N in OperationName as [ErrorOf<N>] extends [never] ? never : N]: { [Code in ErrorOf<N>]: () => Scenario<N> };
};

/** A field's reference to nothing, and to several. */
const references = <Input extends object>(make: (ref: string) => { input: Input; as?: Credentials }) => ({
  not_found: () => make("nothing-of-that-name"),
  ambiguous: () => make(SEVERAL),
});

/** The same for messages; ann has two whose ids begin alike. */
const messageReferences = <S extends Scenario<"message_status">>(notFound: () => S) => ({
  not_found: notFound,
  ambiguous: () => ({ input: { message_id: TWINS }, as: ann }),
});

const scenarios: Scenarios = {
  register: { conflict: () => ({ input: { ...carl.place, host_pid: 77_777 }, as: carl }) },
  heartbeat: { conflict: () => ({ input: { host_pid: 77_777, held: [] }, as: carl }) },
  list_peers: references((pool) => ({ input: { pool }, as: ann })),
  set_summary: { conflict: () => ({ input: { summary: "x", name: "bob" }, as: ann }) },
  notify_test: { conflict: () => ({ input: {} }) },
  rename_peer: {
    ...references((peer) => ({ input: { peer, name: "fred" } })),
    conflict: () => ({ input: { peer: "bob", name: "ann" } }),
  },
  merge_peers: {
    ...references((into) => ({ input: { from: "dora", into } })),
    conflict: () => ({ input: { from: "bob", into: "ann" } }),
  },
  forget_peer: {
    ...references((peer) => ({ input: { peer } })),
    conflict: () => ({ input: { peer: "bob" } }),
  },
  send_message: {
    ...references((to) => ({ input: { to, text: "x" }, as: ann })),
    conflict: () => ({ input: { to: "@ended", text: "x" }, as: ann }),
  },
  message_status: messageReferences(() => ({ input: { message_id: "no-such-message" }, as: ann })),
  presence_history: references((peer) => ({ input: { peer } })),
  decide_held: {
    not_found: () => ({ input: { message_id: "no-such-message", peer: "ann", decision: "accept" } }),
    ambiguous: () => ({ input: { message_id: waiting, peer: SEVERAL, decision: "accept" } }),
    conflict: () => ({ input: { message_id: waiting, peer: "bob", decision: "refuse" } }),
  },
  mute_peer: references((peer) => ({ input: { peer } })),
  unmute_peer: references((peer) => ({ input: { peer } })),
  pause_pool: references((pool) => ({ input: { pool } })),
  resume_pool: references((pool) => ({ input: { pool } })),
  message_details: {
    not_found: () => ({ input: { message_id: "no-such-message" } }),
    ambiguous: () => ({ input: { message_id: TWINS } }),
  },
  messages: references((peer) => ({ input: { peer } })),
  purge_messages: references((peer) => ({ input: { with: peer } })),
  search: references((peer) => ({ input: { query: "word", with: peer } })),
  reread_message: {
    ...messageReferences(() => ({ input: { message_id: "no-such-message" }, as: ann })),
    conflict: () => ({ input: { message_id: waiting }, as: bob }),
  },
  resend_message: {
    ...messageReferences(() => ({ input: { message_id: read }, as: carl })),
    conflict: () => ({ input: { message_id: read }, as: bob }),
  },
  inbox: { ambiguous: () => ({ input: { message_id: TWINS } }) },
  inbound_policy: references((from) => ({ input: { policy: "hold", from }, as: ann })),
  list_policies: references((peer) => ({ input: { peer } })),
  unhold_message: {
    not_found: () => ({ input: { message_id: read } }),
    ambiguous: () => ({ input: { message_id: HELD } }),
  },
  create_pool: { conflict: () => ({ input: { name: "one", purpose: "x" }, as: carl }) },
  join_pool: {
    ...references((pool) => ({ input: { pool }, as: ann })),
    conflict: () => ({ input: { pool: "one", role: "lead" }, as: carl }),
  },
  invite_to_pool: {
    ...references((peer) => ({ input: { pool: "one", peer }, as: ann })),
    conflict: () => ({ input: { pool: "one", peer: "dora" }, as: ann }),
  },
  leave_pool: {
    ...references((pool) => ({ input: { pool }, as: ann })),
    conflict: () => ({ input: { pool: "ended" }, as: ann }),
  },
  archive_pool: {
    ...references((pool) => ({ input: { pool }, as: ann })),
    conflict: () => ({ input: { pool: "ended" }, as: ann }),
  },
  pool_status: references((pool) => ({ input: { pool }, as: ann })),
  propose_release: {
    ...references((peer) => ({ input: { pool: "one", peer, reason: "x" }, as: ann })),
    conflict: () => ({ input: { pool: "one", peer: "bob", reason: "x" }, as: ann }),
  },
  vote_release: {
    ...references((proposal_id) => ({ input: { proposal_id, vote: "no" as const }, as: bob })),
    conflict: () => ({ input: { proposal_id: decided, vote: "no" }, as: bob }),
  },
  decide_release: {
    ...references((proposal_id) => ({ input: { proposal_id, decision: "withdrawn" as const }, as: ann })),
    conflict: () => ({ input: { proposal_id: decided, decision: "withdrawn" }, as: ann }),
  },
  register_service: { conflict: () => ({ input: { kind: "api", url: "http://h:1", host: "h" }, as: bob }) },
  renew_service: { not_found: () => ({ input: { service_id: "none", health: "healthy" }, as: ann }) },
  unregister_service: references((service) => ({ input: { service }, as: bob })),
  revoke_device: references((device) => ({ input: { device } })),
  revoke_browser: references((browser) => ({ input: { browser } })),
  rename_device: {
    ...references((device) => ({ input: { device, name: "attic" } })),
    conflict: () => ({ input: { device: "loft", name: "studio" } }),
  },
};

const table = Object.entries(scenarios).flatMap(([name, codes]) =>
  Object.entries(codes).map(([code, scenario]) => [name as OperationName, code, scenario] as const),
);

test.each(table)("%s answers with %s", async (name, code, scenario) => {
  const { input, as } = scenario();
  // The table's type has checked that the input is this operation's.
  const error = await works.call(name, input as never, as).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(CctError);
  expect(error).toMatchObject({ code, hint: expect.stringMatching(/./) });
});
