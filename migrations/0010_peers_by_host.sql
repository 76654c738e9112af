-- A broker looks after the sessions of its own machine every two seconds, whatever number of others there are.
CREATE INDEX peers_by_host ON peers (host);
