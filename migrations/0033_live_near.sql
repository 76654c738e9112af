-- Who is live near a peer that is away: found without reading all who are live.
CREATE INDEX peers_live_by_name ON peers (name_key) WHERE presence <> 'offline';
CREATE INDEX peers_live_in_folder ON peers (host, cwd) WHERE presence <> 'offline';
CREATE INDEX peers_live_in_repo ON peers (host, repo) WHERE presence <> 'offline' AND repo IS NOT NULL;
CREATE INDEX peers_live_by_remote ON peers (remote) WHERE presence <> 'offline' AND remote IS NOT NULL;
-- The index by host and folder is one by host as well.
DROP INDEX peers_here;
