-- The event stream of each peer, and what was claimed for it and not heard of yet: JSON, see rules/stream-claims.ts.
CREATE TABLE streams (
  peer_id TEXT PRIMARY KEY,
  state TEXT NOT NULL
);
