-- How far clearing away has come, in the order of sending; 0: it rests until the next round, since `at`.
CREATE TABLE clearings (
  kind TEXT PRIMARY KEY,
  seq  BIGINT NOT NULL,
  at   BIGINT NOT NULL
);

CREATE INDEX proposals_decided ON proposals (decided_at) WHERE decided_at IS NOT NULL;
