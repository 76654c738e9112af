-- Whom mail is charged to.

-- For a report of the broker: the peer whose call caused it. NULL: a peer's own message, or a report that the operator or the clock caused.
ALTER TABLE messages ADD COLUMN cause TEXT;
-- how many messages it counts as in its sender's or cause's rate
ALTER TABLE messages ADD COLUMN charge BIGINT NOT NULL DEFAULT 1;
CREATE INDEX messages_by_cause ON messages (cause, seq) WHERE cause IS NOT NULL;

-- The peer whose share of the mailbox and of the wakes it uses: the sender or the cause. NULL: the operator or the clock.
ALTER TABLE deliveries ADD COLUMN payer TEXT;
-- What a report is about: a later one with the same topic replaces it while it waits.
ALTER TABLE deliveries ADD COLUMN topic TEXT;
CREATE INDEX deliveries_topic ON deliveries (topic, peer_id) WHERE state = 'queued' AND topic IS NOT NULL;
