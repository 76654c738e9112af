-- Busy signals: reason, start, and the peer's estimate of the total duration (NULL: unknown).
ALTER TABLE peers ADD COLUMN busy_reason TEXT;
ALTER TABLE peers ADD COLUMN busy_since BIGINT;
ALTER TABLE peers ADD COLUMN busy_for BIGINT;
-- 1: its host supports neither wakes nor injection, so the session polls for mail
ALTER TABLE peers ADD COLUMN polls BIGINT NOT NULL DEFAULT 0;

CREATE TABLE pools (
  pool_id     TEXT PRIMARY KEY,
  name        TEXT NOT NULL,
  -- lower case, in all states
  name_key    TEXT NOT NULL,
  -- the same while the pool is active, NULL when archived: names are unique among active pools
  active_name TEXT UNIQUE,
  purpose     TEXT NOT NULL,
  -- peer_id, or 'operator'
  created_by  TEXT NOT NULL,
  created_at  BIGINT NOT NULL,
  archived_at BIGINT
);
CREATE INDEX pools_by_name ON pools (name_key);

CREATE TABLE members (
  pool_id         TEXT NOT NULL REFERENCES pools (pool_id),
  peer_id         TEXT NOT NULL REFERENCES peers (peer_id),
  role            TEXT NOT NULL,
  joined_at       BIGINT NOT NULL,
  -- released by a vote: gets no broadcasts, and membership ends at this time
  releasing_until BIGINT,
  -- set when membership ends; the row stays, because former members may revive an archived pool
  left_at         BIGINT,
  PRIMARY KEY (pool_id, peer_id)
);
CREATE INDEX members_by_peer ON members (peer_id) WHERE left_at IS NULL;
CREATE INDEX members_releasing ON members (releasing_until) WHERE left_at IS NULL AND releasing_until IS NOT NULL;

ALTER TABLE messages ADD COLUMN pool_id TEXT REFERENCES pools (pool_id);
CREATE INDEX messages_by_pool ON messages (pool_id, seq) WHERE pool_id IS NOT NULL;

CREATE TABLE proposals (
  proposal_id TEXT PRIMARY KEY,
  pool_id     TEXT NOT NULL REFERENCES pools (pool_id),
  subject_id  TEXT NOT NULL REFERENCES peers (peer_id),
  -- peer_id, or 'operator'
  proposer_id TEXT NOT NULL,
  proposer    TEXT NOT NULL,
  reason      TEXT NOT NULL,
  state       TEXT NOT NULL,
  -- the reason for this state, for people
  outcome     TEXT NOT NULL,
  created_at  BIGINT NOT NULL,
  deadline    BIGINT NOT NULL,
  decided_at  BIGINT
);
-- One open proposal per subject and pool.
CREATE UNIQUE INDEX proposals_open ON proposals (pool_id, subject_id) WHERE state = 'open';
CREATE INDEX proposals_due ON proposals (deadline) WHERE state = 'open';

-- The voters, fixed at the time of the proposal, and their votes.
CREATE TABLE ballots (
  proposal_id TEXT NOT NULL REFERENCES proposals (proposal_id),
  peer_id     TEXT NOT NULL REFERENCES peers (peer_id),
  name        TEXT NOT NULL,
  vote        TEXT,
  PRIMARY KEY (proposal_id, peer_id)
);
