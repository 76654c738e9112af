-- When a peer was removed: it is away for good, its name is free and its secret opens nothing. The row stays while messages,
-- proposals and votes refer to it. Its name_key is /id, which no name can be.
ALTER TABLE peers ADD COLUMN removed_at BIGINT;

-- What retention looks for.
CREATE INDEX peers_removable ON peers (last_seen) WHERE removed_at IS NULL AND presence = 'offline';
CREATE INDEX peers_removed ON peers (removed_at) WHERE removed_at IS NOT NULL;
CREATE INDEX pools_archived ON pools (archived_at) WHERE archived_at IS NOT NULL;
CREATE INDEX devices_revoked ON devices (revoked_at) WHERE revoked_at IS NOT NULL;

-- What refers to a peer or a pool. Foreign keys are checked with these, too.
CREATE INDEX members_of_peer ON members (peer_id);
CREATE INDEX proposals_about ON proposals (subject_id);
CREATE INDEX proposals_by ON proposals (proposer_id) WHERE state = 'open';
CREATE INDEX proposals_in ON proposals (pool_id);
CREATE INDEX ballots_of ON ballots (peer_id);
CREATE INDEX policies_from ON policies (source);
CREATE INDEX pools_by ON pools (created_by);
