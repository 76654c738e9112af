-- Services: url, owner, health.

CREATE TABLE services (
  service_id    TEXT PRIMARY KEY,
  kind          TEXT NOT NULL,
  name          TEXT NOT NULL,
  url           TEXT NOT NULL,
  -- only for http and https: the path that a probe requests
  health_path   TEXT,
  -- the machine on which it was registered
  host          TEXT NOT NULL,
  -- its place, host:port; unique
  endpoint      TEXT NOT NULL UNIQUE,
  -- peer_id, or 'operator'
  owner         TEXT NOT NULL,
  -- 1: only the command that registered it renews it
  held          BIGINT NOT NULL,
  ttl           BIGINT NOT NULL,
  registered_at BIGINT NOT NULL,
  renewed_at    BIGINT NOT NULL,
  -- result and time of the last probe
  health        TEXT NOT NULL,
  health_at     BIGINT
);
CREATE INDEX services_by_owner ON services (owner);
