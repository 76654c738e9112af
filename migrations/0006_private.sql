-- 1: only members know that the pool exists
ALTER TABLE pools ADD COLUMN private BIGINT NOT NULL DEFAULT 0;
-- The active_name of a private pool is name/id, so that its name stays free: a name conflict would reveal the pool.
