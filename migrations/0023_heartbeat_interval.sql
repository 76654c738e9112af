-- The interval of heartbeats that a session was told last, in milliseconds: presence follows it.
ALTER TABLE peers ADD COLUMN beat_ms BIGINT NOT NULL DEFAULT 10000;
