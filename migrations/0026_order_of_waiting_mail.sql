-- breaking
-- What orders and counts waiting mail stands on the delivery, so that an index holds it: the cost of taking some mail does not
-- grow with the mail that waits behind it. An older program would store interrupts as ordinary mail.
-- rank: 0 for an interrupt, 1 for other mail. characters: the length of the text.
ALTER TABLE deliveries ADD COLUMN rank BIGINT NOT NULL DEFAULT 1;
ALTER TABLE deliveries ADD COLUMN characters BIGINT NOT NULL DEFAULT 0;
-- Of finished mail, only what may be sent again needs them.
UPDATE deliveries SET
  rank = (SELECT CASE m.urgency WHEN 'interrupt' THEN 0 ELSE 1 END FROM messages m WHERE m.message_id = deliveries.message_id),
  characters = (SELECT length(m.text) FROM messages m WHERE m.message_id = deliveries.message_id)
  WHERE state <> 'read';
DROP INDEX deliveries_open;
CREATE INDEX deliveries_open ON deliveries (peer_id, state, rank, seq, expires_at, characters)
  WHERE state IN ('queued', 'claimed', 'delivered');
DROP INDEX deliveries_held;
CREATE INDEX deliveries_held ON deliveries (peer_id, state, seq, characters) WHERE state = 'held';
