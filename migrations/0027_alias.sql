-- What a session's host calls it in its own messaging, in lower case: an address, too, while the session lives.
ALTER TABLE peers ADD COLUMN alias TEXT;
CREATE INDEX peers_by_alias ON peers (alias) WHERE alias IS NOT NULL;
