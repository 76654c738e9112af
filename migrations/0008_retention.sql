-- Cursors of retention: the sequence number to continue after; 0: idle since `at`, until the next round.
CREATE TABLE clearings (
  kind TEXT PRIMARY KEY,
  seq  BIGINT NOT NULL,
  at   BIGINT NOT NULL
);

CREATE INDEX proposals_decided ON proposals (decided_at) WHERE decided_at IS NOT NULL;
