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
/** A message that ann read, and a proposal that was decided. */
let read = "";
let decided = "";

beforeAll(async () => {
  works = await openClockwork(newId);
  const { call, newPeer } = works;
  [ann, bob, carl, dora] = [await newPeer("ann"), await newPeer("bob"), await newPeer("carl"), await newPeer("dora")];
  await call("unregister", { claude_pid: dora.place.claude_pid }, dora);
  for (const pool of ["one", "two", "ended"]) {
    await call("create_pool", { name: pool, purpose: "tests" }, ann);
    await call("invite_to_pool", { pool, peer: "bob" }, ann);
    const { proposal_id } = await call("propose_release", { pool, peer: "bob", reason: "done" }, ann);
    if (pool === "ended") decided = proposal_id;
  }
  await call("archive_pool", { pool: "ended" }, ann);
  read = (await call("send_message", { to: "ann", text: "x" }, bob)).message_id;
  await call("check_messages", {}, ann);
  for (const port of [1, 2]) await call("register_service", { kind: "api", url: `http://h:${port}`, host: "h" }, ann);
  for (const name of ["studio", "loft"]) await call("add_device", { name });
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

const scenarios: Scenarios = {
  register: { conflict: () => ({ input: { ...carl.place, claude_pid: 77_777 }, as: carl }) },
  heartbeat: { conflict: () => ({ input: { claude_pid: 77_777, held: [] }, as: carl }) },
  list_peers: references((pool) => ({ input: { pool }, as: ann })),
  set_summary: { conflict: () => ({ input: { summary: "x", name: "bob" }, as: ann }) },
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
  message_status: { not_found: () => ({ input: { message_id: "no-such-message" }, as: ann }) },
  messages: references((peer) => ({ input: { peer } })),
  resend_message: {
    not_found: () => ({ input: { message_id: read }, as: carl }),
    conflict: () => ({ input: { message_id: read }, as: bob }),
  },
  inbound_policy: references((from) => ({ input: { policy: "hold", from }, as: ann })),
  unhold_message: { not_found: () => ({ input: { message_id: read } }) },
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
