-- 1: nobody but its members knows that the pool exists
ALTER TABLE pools ADD COLUMN private BIGINT NOT NULL DEFAULT 0;
-- The active_name of a private pool is its name and id with a '/' between: its name is taken for nobody, so that a name
-- that is refused tells of no private pool.
