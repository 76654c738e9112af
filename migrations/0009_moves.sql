-- Data that was moved from one database to another.
CREATE TABLE moves (
  -- random: names the database that the data comes from, there and where it goes
  source_id TEXT PRIMARY KEY,
  -- source: that database is this one; running: part of its data may be here; done: all of it is
  state     TEXT NOT NULL,
  -- SHA-256 of the data as it was when it was read; '': what is here has to go first
  digest    TEXT NOT NULL,
  at        BIGINT NOT NULL
);
