-- Other machines: each shows a token of its own, which can be taken away.
CREATE TABLE devices (
  device_id  TEXT PRIMARY KEY,
  name       TEXT NOT NULL,
  -- read, post, admin: each includes the one before
  scope      TEXT NOT NULL,
  token_hash TEXT NOT NULL UNIQUE,
  created_at BIGINT NOT NULL,
  last_seen  BIGINT,
  revoked_at BIGINT
);

-- What join strings open, once.
CREATE TABLE invitations (
  code_hash  TEXT PRIMARY KEY,
  scope      TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  used_at    BIGINT
);

-- The device that the peer's session came from last; none: this machine.
ALTER TABLE peers ADD COLUMN device_id TEXT;
