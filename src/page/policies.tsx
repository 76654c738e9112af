/** What mailboxes do with mail, by its sender: of all mailboxes, or of one. It is set and ended here. */
import { useSignal } from "@preact/signals";
import type { OutputOf } from "../operations/index.ts";
import { AddressField } from "./address-field.tsx";
import { useAsked } from "./asked.ts";
import { call } from "./source.ts";
import { say } from "./toast.tsx";
import { Button, PeerName, Seg } from "./ui.tsx";

type Listed = OutputOf<"list_policies">;
type Rule = Listed["policies"][number];
type Policy = Rule["policy"];

const AGAIN_MS = 10_000;
/** As many as one mailbox can have, and one. */
const MOST = 201;

const DOES: Record<Policy, string> = { accept: "accepted", hold: "held", refuse: "refused" };
const TONE: Record<Policy, string> = { accept: "", hold: "amber", refuse: "red" };
const CHOICES: (readonly [Policy, string])[] = [
  ["accept", "Accept"],
  ["hold", "Hold"],
  ["refuse", "Refuse"],
];

const readPolicies = (peer?: string): Promise<Listed> =>
  call("list_policies", { limit: MOST, ...(peer !== undefined && { peer }) });

const inWords = ({ name, from, policy }: Rule): string => `Mail to ${name} from ${from} is ${DOES[policy]}`;

const put = ({ peer_id: peer, ref: from }: Rule, policy: Policy | "default") =>
  call("inbound_policy", { peer, policy, ...(from !== undefined && { from }) });

async function end(rule: Rule, load: () => Promise<void>): Promise<void> {
  await put(rule, "default");
  say(`No longer: ${inWords(rule)}`, () => put(rule, rule.policy).then(load));
  await load();
}

/** The list before and after says which policy it was, whatever one wrote for it; so what one takes back is the same one. */
async function set(peer: string, from: string, policy: Policy, load: () => Promise<void>): Promise<void> {
  const before = (await readPolicies(peer)).policies;
  await call("inbound_policy", { peer, policy, ...(from !== "" && { from }) });
  const after = (await readPolicies(peer)).policies;
  const was = (rule: Rule): Policy | undefined => before.find(({ ref }) => ref === rule.ref)?.policy;
  const changed = after.find((rule) => was(rule) !== rule.policy);
  const ended = before.find(({ ref }) => !after.some((rule) => rule.ref === ref));
  if (changed) say(inWords(changed), () => put(changed, was(changed) ?? "default").then(load));
  else if (ended) say(inWords({ ...ended, policy }), () => put(ended, ended.policy).then(load));
  else say("No change: the policy was already set.");
  await load();
}

/** All policies there are. */
export function AllPolicies() {
  const { found, problem, again } = useAsked("the policies of all", () => readPolicies(), [], AGAIN_MS);
  const rules = sorted(found);
  return (
    <section class="card span2" aria-label="Inbound policies">
      <header class="card-head">
        <h2>Inbound policies</h2>
      </header>
      {problem !== "" && <p class="quiet">{problem}</p>}
      {found && rules.length === 0 && <p class="quiet">Every mailbox accepts all mail.</p>}
      <ul class="plain">
        {rules.map((rule) => (
          <li key={`${rule.peer_id} ${rule.ref}`}>
            <span>
              Mail to <PeerName id={rule.peer_id} otherwise={rule.name} /> from <From rule={rule} /> is
            </span>
            <Ending rule={rule} load={again} />
          </li>
        ))}
      </ul>
      {found?.next !== undefined && (
        <p class="quiet">
          and more: <code>cct policies</code>
        </p>
      )}
      <PolicyForm load={again} />
    </section>
  );
}

/** Those of one mailbox. */
export function PoliciesOf({ id }: { id: string }) {
  const { found, problem, again } = useAsked("its policies", () => readPolicies(id), [id], AGAIN_MS);
  const rules = sorted(found);
  return (
    <section aria-label="Inbound policies">
      <h3>Inbound policies</h3>
      {problem !== "" && <p class="quiet">{problem}</p>}
      {found && rules.length === 0 && <p class="muted">It accepts all mail.</p>}
      <ul class="rules">
        {rules.map((rule) => (
          <li key={rule.ref}>
            <span>
              Mail from <From rule={rule} /> is
            </span>
            <Ending rule={rule} load={again} />
          </li>
        ))}
      </ul>
      <PolicyForm mailbox={id} load={again} />
    </section>
  );
}

/** By mailbox, and what is true of all the rest last. */
const sorted = (found: Listed | undefined): Rule[] =>
  (found?.policies ?? []).toSorted(
    (a, b) =>
      a.name.localeCompare(b.name) ||
      Number(a.ref === undefined) - Number(b.ref === undefined) ||
      a.from.localeCompare(b.from),
  );

const From = ({ rule }: { rule: Rule }) => (
  <b>
    <bdi>{rule.from}</bdi>
  </b>
);

const Ending = ({ rule, load }: { rule: Rule; load: () => Promise<void> }) => (
  <>
    <span class={`chip ${TONE[rule.policy]}`}>{DOES[rule.policy]}</span>
    <Button kind="small" label={`End: ${inWords(rule)}`} run={() => end(rule, load)}>
      End
    </Button>
  </>
);

/** `mailbox`: the one that it is about, when one cannot choose. */
function PolicyForm({ mailbox, load }: { mailbox?: string; load: () => Promise<void> }) {
  const peer = useSignal("");
  const from = useSignal("");
  const policy = useSignal<Policy>("hold");
  const whose = mailbox ?? peer.value.trim();
  async function submit(): Promise<void> {
    await set(whose, from.value.trim(), policy.value, load);
    peer.value = "";
    from.value = "";
  }
  return (
    <div class="policy-form">
      {mailbox === undefined && (
        <AddressField
          label="Mailbox"
          placeholder="mail to: a session"
          only="sessions"
          value={peer.value}
          onChange={(next) => (peer.value = next)}
        />
      )}
      <AddressField
        label="From"
        placeholder="from: a session or @pool; empty: all the rest"
        value={from.value}
        onChange={(next) => (from.value = next)}
      />
      <Seg label="Policy" value={policy.value} options={CHOICES} onChange={(next) => (policy.value = next)} />
      <Button kind="small" disabled={whose === ""} run={submit}>
        Set
      </Button>
    </div>
  );
}
