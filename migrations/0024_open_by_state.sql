-- SQLite chose the index of all of a peer's deliveries for its open ones, so taking mail took longer the more the peer had
-- received. With the state in them these indexes match more terms than that one.
DROP INDEX deliveries_open;
CREATE INDEX deliveries_open ON deliveries (peer_id, state, seq) WHERE state IN ('queued', 'claimed', 'delivered');
DROP INDEX deliveries_held;
CREATE INDEX deliveries_held ON deliveries (peer_id, state, seq) WHERE state = 'held';
