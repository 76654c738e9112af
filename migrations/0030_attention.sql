-- What needs the operator, and what the operator has put aside.

-- `need_id` names the thing (rules/attention.ts). It is put aside as it was at that time: it comes back when there is more of it.
CREATE TABLE dismissals (
  need_id TEXT PRIMARY KEY,
  at      BIGINT NOT NULL
);
CREATE INDEX dismissals_by_time ON dismissals (at);

-- Of a note about a guard: the guard, the peer that it stopped, and the peer or pool that it wrote to.
ALTER TABLE notes ADD COLUMN guard TEXT;
ALTER TABLE notes ADD COLUMN from_id TEXT;
ALTER TABLE notes ADD COLUMN to_id TEXT;
CREATE INDEX notes_of_guards ON notes (at) WHERE guard IS NOT NULL;

-- Since when the last probe has said the same.
ALTER TABLE services ADD COLUMN health_since BIGINT;
