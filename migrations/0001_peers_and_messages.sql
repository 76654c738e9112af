-- One dialect for both databases: text ids, times in integer milliseconds, no types that only one of them has.

CREATE TABLE peers (
  peer_id     TEXT PRIMARY KEY,
  name        TEXT NOT NULL,
  -- lower case: names are unique ignoring case
  name_key    TEXT NOT NULL UNIQUE,
  -- SHA-256 of the peer's secret, hexadecimal
  secret_hash TEXT NOT NULL,
  host        TEXT NOT NULL,
  -- the current session, or the last one
  claude_pid  BIGINT NOT NULL,
  session_id  TEXT,
  cwd         TEXT NOT NULL,
  repo        TEXT,
  branch      TEXT,
  remote      TEXT,
  summary     TEXT NOT NULL,
  -- offline after the session has ended
  presence    TEXT NOT NULL,
  last_seen   BIGINT NOT NULL,
  created_at  BIGINT NOT NULL
);

CREATE TABLE messages (
  message_id TEXT PRIMARY KEY,
  -- sequence number: the order of sending, unique and increasing
  seq        BIGINT NOT NULL,
  -- peer_id, or 'operator'
  from_id    TEXT NOT NULL,
  from_name  TEXT NOT NULL,
  to_address TEXT NOT NULL,
  thread_id  TEXT NOT NULL,
  reply_to   TEXT,
  urgency    TEXT NOT NULL,
  text       TEXT NOT NULL,
  sent_at    BIGINT NOT NULL,
  expires_at BIGINT,
  hops       BIGINT NOT NULL,
  -- the response to the sender as JSON, returned again for a repeated message_id
  answer     TEXT NOT NULL
);
CREATE INDEX messages_by_seq ON messages (seq);
CREATE INDEX messages_by_sender ON messages (from_id, seq);

CREATE TABLE deliveries (
  message_id   TEXT NOT NULL REFERENCES messages (message_id),
  peer_id      TEXT NOT NULL REFERENCES peers (peer_id),
  seq          BIGINT NOT NULL,
  state        TEXT NOT NULL,
  attempt      BIGINT NOT NULL,
  leased_at    BIGINT,
  redelivered  BIGINT NOT NULL,
  delivered_at BIGINT,
  read_at      BIGINT,
  expires_at   BIGINT,
  PRIMARY KEY (message_id, peer_id)
);
-- Partial indexes: final deliveries are not in them, so the cost of finding mail does not grow with history.
CREATE INDEX deliveries_open ON deliveries (peer_id, seq) WHERE state IN ('queued', 'claimed', 'delivered');
CREATE INDEX deliveries_claimed ON deliveries (leased_at) WHERE state = 'claimed';
CREATE INDEX deliveries_expiring ON deliveries (expires_at) WHERE state = 'queued' AND expires_at IS NOT NULL;
CREATE INDEX deliveries_by_peer ON deliveries (peer_id, seq);
