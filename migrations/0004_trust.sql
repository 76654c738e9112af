-- Deliveries that end otherwise than by being read, and how each was shown.
ALTER TABLE deliveries ADD COLUMN lost BIGINT NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN reason TEXT;
-- by which way the host took it: wake, tool, stop, prompt, check
ALTER TABLE deliveries ADD COLUMN via TEXT;
-- messages of one batch were shown together: one injection, or one wake
ALTER TABLE deliveries ADD COLUMN batch TEXT;
CREATE INDEX deliveries_wakes ON deliveries (peer_id, delivered_at) WHERE via = 'wake';
CREATE INDEX deliveries_shown ON deliveries (delivered_at) WHERE via IS NOT NULL;
CREATE INDEX deliveries_held ON deliveries (peer_id, seq) WHERE state = 'held';
CREATE INDEX deliveries_failed ON deliveries (seq) WHERE state IN ('dead', 'expired', 'refused');
DROP INDEX deliveries_expiring;
CREATE INDEX deliveries_expiring ON deliveries (expires_at) WHERE state IN ('queued', 'held') AND expires_at IS NOT NULL;

-- The peer or pool that a message went to, whatever name the sender used for it.
ALTER TABLE messages ADD COLUMN target TEXT NOT NULL DEFAULT '';

-- Whether the session's hooks take mail: live, or quiet (then only cct_check_messages does).
ALTER TABLE peers ADD COLUMN hooks TEXT NOT NULL DEFAULT 'live';
-- when the peer was given mail last
ALTER TABLE peers ADD COLUMN took_at BIGINT;

CREATE TABLE policies (
  peer_id TEXT NOT NULL REFERENCES peers (peer_id),
  -- a sender's peer_id, a pool_id, or '' for all the rest
  source  TEXT NOT NULL,
  policy  TEXT NOT NULL,
  PRIMARY KEY (peer_id, source)
);

-- What the operator should know.
CREATE TABLE notes (
  note_id TEXT PRIMARY KEY,
  at      BIGINT NOT NULL,
  -- notes on one subject are written once in a while, not each time
  subject TEXT NOT NULL,
  text    TEXT NOT NULL
);
CREATE INDEX notes_by_time ON notes (at);
CREATE INDEX notes_by_subject ON notes (subject, at);
