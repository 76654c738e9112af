-- Changes of a pool's membership are reports in its history that no member gets as mail of its own: each reads with its next
-- mail what changed since. They are numbered in each pool, so that a transaction in between cannot be passed over.

-- the number of the pool's last change
ALTER TABLE pools ADD COLUMN news BIGINT NOT NULL DEFAULT 0;
-- the last change that the member was told
ALTER TABLE members ADD COLUMN told BIGINT NOT NULL DEFAULT 0;
-- its number; NULL: any other message
ALTER TABLE messages ADD COLUMN news BIGINT;
-- whose membership changed, and how: joined, role, lead, released, left
ALTER TABLE messages ADD COLUMN about TEXT;
ALTER TABLE messages ADD COLUMN change TEXT;
CREATE INDEX messages_news ON messages (pool_id, news) WHERE news IS NOT NULL;
