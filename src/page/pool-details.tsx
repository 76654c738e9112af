/** A pool: what it is for, who is in it, and its open votes. */
import { useSignal } from "@preact/signals";
import type { OutputOf } from "../operations/index.ts";
import { AddressField } from "./address-field.tsx";
import { useAsked } from "./asked.ts";
import { confirmFirst } from "./confirm.tsx";
import { MemberRow } from "./member-row.tsx";
import { PauseButton } from "./pause.tsx";
import { go } from "./route.ts";
import { call } from "./source.ts";
import { poolOf } from "./state.ts";
import { say } from "./toast.tsx";
import type { Pool } from "./types.ts";
import { Button, Icon } from "./ui.tsx";
import { plural } from "./words.ts";

type Status = OutputOf<"pool_status">;

const SHOWN = 60;

export function PoolDetails({ id }: { id: string }) {
  const pool = poolOf(id);
  const { found, problem, again } = useAsked("the pool", () => call("pool_status", { pool: id }), [id, pool]);
  if (!pool) return <p class="quiet">This pool is archived.</p>;
  const members = found?.members ?? [];
  return (
    <>
      <header class="insp-head">
        <Icon name="users" size={16} />
        <h2>
          <bdi>@{pool.name}</bdi>
        </h2>
      </header>
      <p class="insp-state">
        {pool.private ? "private · " : ""}
        {plural(pool.size, "member")}
      </p>
      <p class="insp-summary">
        <bdi dir="auto">{pool.purpose}</bdi>
      </p>
      <div class="insp-actions">
        <Button kind="primary small" icon="talk" onClick={() => go("talk", `@${pool.name}`)}>
          Conversation
        </Button>
        <PauseButton pool={pool} />
        <Button kind="small danger" onClick={() => archive(pool)}>
          Archive…
        </Button>
      </div>
      {problem !== "" && <p class="quiet">{problem}</p>}
      <Invite pool={pool} load={again} />
      <h3>Members</h3>
      <ul class="insp-list">
        {members.slice(0, SHOWN).map((member) => (
          <MemberRow key={member.peer_id} pool={pool} member={member} members={members} load={again} />
        ))}
      </ul>
      {members.length > SHOWN && <p class="quiet">and {members.length - SHOWN} more</p>}
      <Votes status={found} />
    </>
  );
}

function archive({ pool_id, name, size }: Pool): void {
  confirmFirst({
    title: `Archive @${name}?`,
    text: `${plural(size, "member")} can write in it no more. What was said stays; a former member can revive it.`,
    yes: "Archive",
    run: async () => {
      await call("archive_pool", { pool: pool_id });
      say(`@${name} is archived`);
    },
  });
}

function Invite({ pool, load }: { pool: Pool; load: () => Promise<void> }) {
  const peer = useSignal("");
  async function invite(): Promise<void> {
    await call("invite_to_pool", { pool: pool.pool_id, peer: peer.value });
    say(`${peer.value} is in @${pool.name}`);
    peer.value = "";
    await load();
  }
  return (
    <div class="invite">
      <AddressField
        label="Invite"
        placeholder="a session to invite"
        only="sessions"
        value={peer.value}
        onChange={(next) => (peer.value = next)}
      />
      <Button kind="small" disabled={peer.value.trim() === ""} run={invite}>
        Invite
      </Button>
    </div>
  );
}

function Votes({ status }: { status: Status | undefined }) {
  if (!status || status.open_proposals.length === 0) return null;
  return (
    <>
      <h3>Open votes</h3>
      <ul class="insp-votes">
        {status.open_proposals.map((one) => (
          <li key={one.proposal_id}>
            Release <b>{one.subject}</b>: {one.outcome}
            <small>
              <bdi dir="auto">{one.reason}</bdi>
            </small>
          </li>
        ))}
      </ul>
    </>
  );
}
