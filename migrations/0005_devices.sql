-- Other machines, each with its own token, which can be revoked.
CREATE TABLE devices (
  device_id  TEXT PRIMARY KEY,
  name       TEXT NOT NULL,
  -- read, post, admin: each includes the previous one
  scope      TEXT NOT NULL,
  token_hash TEXT NOT NULL UNIQUE,
  created_at BIGINT NOT NULL,
  last_seen  BIGINT,
  revoked_at BIGINT
);

-- One-time codes inside join strings.
CREATE TABLE invitations (
  code_hash  TEXT PRIMARY KEY,
  scope      TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  used_at    BIGINT
);

-- The device of the peer's last session; NULL: the broker's own machine.
ALTER TABLE peers ADD COLUMN device_id TEXT;
