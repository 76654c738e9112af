-- The answer to a change of a pool names its longest-standing members, and must not sort all of them.
CREATE INDEX members_oldest ON members (pool_id, joined_at, peer_id) WHERE left_at IS NULL;
DROP INDEX members_current;
