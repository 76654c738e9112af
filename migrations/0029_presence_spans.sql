-- What a peer's presence was, for the last days: a row when it changes. Each span lasts until the peer's next one. `span_id`: its
-- peer and time as one text, because keys are text in every table (src/store/tables.ts).
CREATE TABLE presence_spans (
  span_id TEXT PRIMARY KEY,
  peer_id TEXT NOT NULL REFERENCES peers (peer_id),
  from_at BIGINT NOT NULL,
  state   TEXT NOT NULL
);
CREATE INDEX presence_of_peer ON presence_spans (peer_id, from_at);
CREATE INDEX presence_by_time ON presence_spans (from_at);
