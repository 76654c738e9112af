-- Browsers that are logged in at the page, and the codes with which they log in, each once.
CREATE TABLE browsers (
  browser_id TEXT PRIMARY KEY,
  name       TEXT NOT NULL,
  token_hash TEXT NOT NULL UNIQUE,
  -- whose authority it has; NULL: that of the broker's own home
  device_id  TEXT,
  created_at BIGINT NOT NULL,
  last_seen  BIGINT NOT NULL
);

CREATE TABLE page_codes (
  code_hash  TEXT PRIMARY KEY,
  device_id  TEXT,
  expires_at BIGINT NOT NULL
);
