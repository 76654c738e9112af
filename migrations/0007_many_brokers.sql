-- For many brokers on one database.

-- 1: breaking; a program without this migration must not use the schema.
ALTER TABLE schema_migrations ADD COLUMN breaking BIGINT NOT NULL DEFAULT 0;

-- Leader election for periodic work: when a broker last claimed each chore.
CREATE TABLE chores (
  name     TEXT PRIMARY KEY,
  taken_at BIGINT NOT NULL
);

-- Each broker generates sequence numbers; this index rejects duplicates.
DROP INDEX messages_by_seq;
CREATE UNIQUE INDEX messages_by_seq ON messages (seq);
