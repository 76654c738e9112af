-- Moves of all data between databases.
CREATE TABLE moves (
  -- random id of the source database, stored in source and target
  source_id TEXT PRIMARY KEY,
  -- source: this database is the source; running: part of the data may be here; done: all of it is
  state     TEXT NOT NULL,
  -- SHA-256 of the data when it was read; '': delete the data here first
  digest    TEXT NOT NULL,
  at        BIGINT NOT NULL
);
