-- Deliveries that end unread, and how mail was delivered.
ALTER TABLE deliveries ADD COLUMN lost BIGINT NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN reason TEXT;
-- delivery method: wake, tool, stop, prompt, check
ALTER TABLE deliveries ADD COLUMN via TEXT;
-- messages with one batch were shown together, in one injection or wake
ALTER TABLE deliveries ADD COLUMN batch TEXT;
CREATE INDEX deliveries_wakes ON deliveries (peer_id, delivered_at) WHERE via = 'wake';
CREATE INDEX deliveries_shown ON deliveries (delivered_at) WHERE via IS NOT NULL;
CREATE INDEX deliveries_held ON deliveries (peer_id, seq) WHERE state = 'held';
CREATE INDEX deliveries_failed ON deliveries (seq) WHERE state IN ('dead', 'expired', 'refused');
DROP INDEX deliveries_expiring;
CREATE INDEX deliveries_expiring ON deliveries (expires_at) WHERE state IN ('queued', 'held') AND expires_at IS NOT NULL;

-- The id of the peer or pool that a message was sent to.
ALTER TABLE messages ADD COLUMN target TEXT NOT NULL DEFAULT '';

-- Whether the session's hooks deliver mail: live, or quiet (then only cct_check_messages does).
ALTER TABLE peers ADD COLUMN hooks TEXT NOT NULL DEFAULT 'live';
-- when the peer last received mail
ALTER TABLE peers ADD COLUMN took_at BIGINT;

CREATE TABLE policies (
  peer_id TEXT NOT NULL REFERENCES peers (peer_id),
  -- a sender's peer_id, a pool_id, or '' for the default
  source  TEXT NOT NULL,
  policy  TEXT NOT NULL,
  PRIMARY KEY (peer_id, source)
);

-- Notes to the operator.
CREATE TABLE notes (
  note_id TEXT PRIMARY KEY,
  at      BIGINT NOT NULL,
  -- limits the rate of notes: one per subject and period
  subject TEXT NOT NULL,
  text    TEXT NOT NULL
);
CREATE INDEX notes_by_time ON notes (at);
CREATE INDEX notes_by_subject ON notes (subject, at);
