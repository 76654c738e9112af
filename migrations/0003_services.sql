-- Infrastructure that registered itself: where it is, who keeps it, how it does.

CREATE TABLE services (
  service_id    TEXT PRIMARY KEY,
  kind          TEXT NOT NULL,
  name          TEXT NOT NULL,
  url           TEXT NOT NULL,
  -- only for http and https: what a probe asks for
  health_path   TEXT,
  -- the machine on which it was registered
  host          TEXT NOT NULL,
  -- machine and port that it occupies: never two services on one
  endpoint      TEXT NOT NULL UNIQUE,
  -- peer_id, or 'operator'
  owner         TEXT NOT NULL,
  -- 1: renewed by the command that registered it, and by nobody else
  held          BIGINT NOT NULL,
  ttl           BIGINT NOT NULL,
  registered_at BIGINT NOT NULL,
  renewed_at    BIGINT NOT NULL,
  -- as last probed, and when
  health        TEXT NOT NULL,
  health_at     BIGINT
);
CREATE INDEX services_by_owner ON services (owner);
