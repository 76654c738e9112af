-- For many brokers on one database.

-- 1: a program that knows only what came before must not go on with this schema.
ALTER TABLE schema_migrations ADD COLUMN breaking BIGINT NOT NULL DEFAULT 0;

-- Work of the clock that is done by one of the brokers, whichever comes first: when it was taken last.
CREATE TABLE chores (
  name     TEXT PRIMARY KEY,
  taken_at BIGINT NOT NULL
);

-- Each broker makes its own numbers; that two never make the same is the database's word.
DROP INDEX messages_by_seq;
CREATE UNIQUE INDEX messages_by_seq ON messages (seq);
