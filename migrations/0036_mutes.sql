-- Mail that the operator holds back: what a muted peer sends, and what peers send in a paused pool.
CREATE TABLE mutes (
  -- the peer_id or the pool_id
  source   TEXT PRIMARY KEY,
  -- peer, pool
  kind     TEXT NOT NULL,
  -- the name of the person who did it
  by_name  TEXT NOT NULL,
  set_at   BIGINT NOT NULL,
  -- when it ends; NULL: by hand only
  until_at BIGINT
);
-- Whether there is one, where each send looks anyway.
ALTER TABLE peers ADD COLUMN muted BIGINT NOT NULL DEFAULT 0;
ALTER TABLE pools ADD COLUMN paused BIGINT NOT NULL DEFAULT 0;
-- The mute that holds it; NULL: an inbound policy.
ALTER TABLE deliveries ADD COLUMN held_by TEXT;
CREATE INDEX deliveries_held_by ON deliveries (held_by, seq) WHERE state = 'held' AND held_by IS NOT NULL;
