-- Absence from pools is measured in listening time: milliseconds in which a broker could hear sessions, added up. Time in
-- which no broker ran, or its machine slept, does not count, and no clock that is set can change it.
CREATE TABLE listening (
  kind TEXT PRIMARY KEY,
  ms   BIGINT NOT NULL
);

-- The listening time at which the sweep found the peer offline. NULL while it is live, or offline and not found yet;
-- -1: it has been back since, and the sweep has not seen that yet.
ALTER TABLE peers ADD COLUMN away_since BIGINT;

-- The sweep looks for what is due, so none of its queries may read every peer, member or service.
CREATE INDEX peers_away ON peers (away_since) WHERE presence = 'offline';
CREATE INDEX peers_live ON peers (last_seen) WHERE presence <> 'offline';
CREATE INDEX peers_here ON peers (host) WHERE presence <> 'offline';
CREATE INDEX peers_returned ON peers (away_since) WHERE presence <> 'offline' AND away_since IS NOT NULL;
CREATE INDEX peers_busy ON peers (busy_since) WHERE busy_for IS NOT NULL;
