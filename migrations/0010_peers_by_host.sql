-- A broker checks the sessions of its own machine every two seconds, so this must not scan all peers.
CREATE INDEX peers_by_host ON peers (host);
