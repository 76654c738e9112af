/** What needs of a person are derived from: rows as they are stored. */
import type { Blocked } from "./blocked-on.ts";
import type { Guard } from "./guards.ts";
import type { Hooks, Session } from "./presence.ts";
import type { Registration } from "./services.ts";
import type { Ballot } from "./votes.ts";

export interface Named {
  peer_id: string;
  name: string;
}

/** A session that is blocked, or whose hooks do not take its mail. */
export type TroubledSession = Named &
  Session &
  Blocked & {
    agent: string;
    hooks: Hooks;
    wakes: boolean;
    midturn: boolean;
    polls: boolean;
    cwd: string;
    took_at: number | null;
    created_at: number;
    /** Its undelivered messages. */
    waiting: number;
    /** When its presence began. */
    since: number | undefined;
  };

export interface OpenVote {
  proposal_id: string;
  pool_id: string;
  pool: string;
  subject_id: string;
  subject: string;
  reason: string;
  created_at: number;
  deadline: number;
  ballots: readonly Ballot[];
}

/** A message to the operator. */
export interface Question {
  message_id: string;
  from_id: string;
  from_name: string;
  text: string;
  sent_at: number;
  isUnread: boolean;
  /** The operator has written to its sender since. */
  isAnswered: boolean;
}

/** A delivery that a policy holds, or that ended unread. */
export interface StoppedDelivery extends Named {
  message_id: string;
  seq: number;
  from_id: string;
  from_name: string;
  sent_at: number;
  expires_at: number | null;
  /** The beginning of the text. */
  text: string;
  reason: string | null;
}

export interface GuardNote {
  guard: Guard;
  at: number;
  from_id: string;
  from_name: string;
  to_id: string;
  to_name: string;
}

export interface ListedService extends Registration {
  service_id: string;
  name: string;
  url: string;
  owner_name: string;
  health: string;
  registered_at: number;
  health_since: number | null;
}

/** What the rows are derived from. */
export interface Facts {
  sessions: readonly TroubledSession[];
  votes: readonly OpenVote[];
  questions: readonly Question[];
  held: readonly StoppedDelivery[];
  dead: readonly StoppedDelivery[];
  guards: readonly GuardNote[];
  services: readonly ListedService[];
  /** When each row was put aside, by its id. */
  dismissed: ReadonlyMap<string, number>;
}
