-- One dialect for both databases: text ids, integer milliseconds, no types that only one of them has.

CREATE TABLE peers (
  peer_id     TEXT PRIMARY KEY,
  name        TEXT NOT NULL,
  -- lower-cased: two names never differ by case alone
  name_key    TEXT NOT NULL UNIQUE,
  -- SHA-256 of the peer's secret, hexadecimal
  secret_hash TEXT NOT NULL,
  host        TEXT NOT NULL,
  -- the session that speaks for the peer now, or did last
  claude_pid  BIGINT NOT NULL,
  session_id  TEXT,
  cwd         TEXT NOT NULL,
  repo        TEXT,
  branch      TEXT,
  remote      TEXT,
  summary     TEXT NOT NULL,
  -- offline once the session has ended
  presence    TEXT NOT NULL,
  last_seen   BIGINT NOT NULL,
  created_at  BIGINT NOT NULL
);

CREATE TABLE messages (
  message_id TEXT PRIMARY KEY,
  -- place in the order of sending, unique and growing
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
  -- the sender's answer as JSON: a repeated message_id gets it again
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
-- Finished deliveries leave the index, so that looking for mail costs the same however much was ever sent.
CREATE INDEX deliveries_open ON deliveries (peer_id, seq) WHERE state IN ('queued', 'claimed', 'delivered');
CREATE INDEX deliveries_claimed ON deliveries (leased_at) WHERE state = 'claimed';
CREATE INDEX deliveries_expiring ON deliveries (expires_at) WHERE state = 'queued' AND expires_at IS NOT NULL;
CREATE INDEX deliveries_by_peer ON deliveries (peer_id, seq);
