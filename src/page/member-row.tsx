/** A member of a pool: who it is, and its role, which can be changed. */
import { useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { OutputOf } from "../operations/index.ts";
import { chosen } from "./route.ts";
import { call } from "./source.ts";
import { say } from "./toast.tsx";
import type { Pool } from "./types.ts";
import { Button, Dot } from "./ui.tsx";

type Member = OutputOf<"pool_status">["members"][number];

const LEAD = "lead";
/** The role of a lead that was passed on, as the broker gives it. */
const PLAIN = "member";

interface Place {
  pool: Pool;
  member: Member;
  /** All of them: the lead may change with another one's role. */
  members: readonly Member[];
  load: () => Promise<void>;
}

async function setRole({ pool, member, members, load }: Place, role: string): Promise<void> {
  const give = ({ peer_id: peer }: Member, to: string) =>
    call("invite_to_pool", { pool: pool.pool_id, peer, role: to, member: true });
  const before = members.find((one) => one.role === LEAD);
  await give(member, role);
  say(`${member.name} is now ${role} in @${pool.name}`, async () => {
    if (role === LEAD && before) await give(before, LEAD);
    if (role !== LEAD || !before || member.role !== PLAIN) await give(member, member.role);
    await load();
  });
  await load();
}

export function MemberRow(place: Place) {
  const { member } = place;
  const isOpen = useSignal(false);
  const row = useRef<HTMLLIElement>(null);
  function close(): void {
    isOpen.value = false;
    row.current?.querySelector<HTMLElement>(".btn")?.focus();
  }
  return (
    <li class="member" ref={row}>
      <button
        type="button"
        onClick={() => {
          chosen.value = { kind: "peer", id: member.peer_id };
        }}
      >
        <Dot presence={member.presence} size={10} />
        <b>
          <bdi>{member.name}</bdi>
        </b>
        <span>{member.role}</span>
        <span>{member.released ? "released" : ""}</span>
      </button>
      {member.role !== LEAD && !member.released && (
        <Button kind="link" label={`Role of ${member.name}`} onClick={() => (isOpen.value = !isOpen.value)}>
          Role
        </Button>
      )}
      {isOpen.value && <RoleField place={place} close={close} />}
    </li>
  );
}

function RoleField({ place, close }: { place: Place; close: () => void }) {
  const role = useSignal(place.member.role);
  const field = useRef<HTMLInputElement>(null);
  const save = useRef<HTMLSpanElement>(null);
  useLayoutEffect(() => field.current?.select(), []);
  return (
    <form
      class="role-field"
      onSubmit={(event) => {
        event.preventDefault();
        // The button says why it fails.
        save.current?.querySelector("button")?.click();
      }}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        event.stopPropagation();
        close();
      }}
    >
      <input
        aria-label={`New role of ${place.member.name}`}
        maxLength={32}
        spellcheck={false}
        value={role.value}
        ref={field}
        onInput={(event) => (role.value = event.currentTarget.value)}
      />
      <span ref={save}>
        <Button
          kind="small"
          disabled={role.value.trim() === "" || role.value.trim() === place.member.role}
          run={() => setRole(place, role.value.trim()).then(close)}
        >
          Save
        </Button>
      </span>
      <small>{role.value.trim() === LEAD ? "The lead passes to it." : <>‘lead’ passes the lead on.</>}</small>
    </form>
  );
}
