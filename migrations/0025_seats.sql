-- Whether a peer's name was given on purpose, not made from its folder: then the next session with that name becomes the peer.
ALTER TABLE peers ADD COLUMN seat BIGINT NOT NULL DEFAULT 0;
