/**
 * Who votes on a release. One program can register many peers, so members are not simply counted:
 *
 * 1. A host process on a machine has one vote, however many peers it has.
 * 2. A session names its process itself, so a program could make processes up. Therefore a member votes only when it has been
 *    in the pool for ten minutes, or since the pool's first ten, when all of its members are new.
 *
 * The member in question votes on its own release in any case. Newcomers, however many, decide nothing else.
 */
import { hasElapsed } from "./presence.ts";

/** How long a member must have been in a pool to vote. Long enough that the others read who came, and can say no. */
export const MIN_MEMBERSHIP_MS = 10 * 60_000;

/** A member, with where its session runs. */
export interface Elector {
  peer_id: string;
  name: string;
  joined_at: number;
  /** The broker knows it from the token; `null`: the broker's own machine. */
  device_id: string | null;
  /** As the session says. */
  host: string;
  host_pid: number;
  /** Whether it has a live session. */
  isLive: boolean;
}

export interface Electorate {
  voters: Elector[];
  excluded: { member: Elector; reason: string }[];
}

/** The electorate among the members that were not released. `subjectId`: whose release it is about. */
export function electorateOf(members: readonly Elector[], subjectId: string, now: number): Electorate {
  const began = Math.min(...members.map((member) => member.joined_at));
  const isSettled = ({ joined_at }: Elector): boolean =>
    joined_at <= began + MIN_MEMBERSHIP_MS || hasElapsed(joined_at, MIN_MEMBERSHIP_MS, now);
  const rank = (member: Elector): number => (member.peer_id === subjectId ? 0 : member.isLive ? 1 : 2);
  const inOrder = [...members].sort(
    (a, b) => rank(a) - rank(b) || a.joined_at - b.joined_at || (a.peer_id < b.peer_id ? -1 : 1),
  );
  const byProcess = new Map<string, Elector>();
  const excluded: Electorate["excluded"] = [];
  for (const member of inOrder) {
    const process = JSON.stringify([member.device_id, member.host, member.host_pid]);
    const voter = byProcess.get(process);
    if (voter) excluded.push({ member, reason: `it runs in the same process as ${voter.name}` });
    else if (member.peer_id === subjectId || isSettled(member)) byProcess.set(process, member);
    else excluded.push({ member, reason: `it joined less than ${MIN_MEMBERSHIP_MS / 60_000} minutes before` });
  }
  return { voters: [...byProcess.values()], excluded };
}
