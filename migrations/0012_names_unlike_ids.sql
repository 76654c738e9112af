-- Names that could be read as an id, or as the beginning of one (rules/names.ts), get a number: deadbeef becomes deadbeef-1.
-- The operator gets a note about each, and the peers concerned get mail. $1 is the time of the migration.

-- What is renamed, and the stem of its new name. A long name is cut, and made unique by the start of the id.
CREATE TABLE renamed (
  kind     TEXT NOT NULL,
  id       TEXT NOT NULL,
  name     TEXT NOT NULL,
  stem     TEXT NOT NULL,
  new_name TEXT,
  PRIMARY KEY (kind, id)
);

INSERT INTO renamed (kind, id, name, stem)
  SELECT x.kind, x.id, x.name, CASE WHEN length(x.name) <= 34 THEN x.name ELSE substr(x.name, 1, 20) || '-' || substr(x.id, 1, 8) END
  FROM (SELECT 'peer' AS kind, peer_id AS id, name FROM peers
        UNION ALL SELECT 'pool', pool_id, name FROM pools
        UNION ALL SELECT 'device', device_id, name FROM devices
        UNION ALL SELECT 'service', service_id, name FROM services) x
  -- Only hexadecimal digits, as many as a reference needs; or a UUID.
  WHERE (length(x.name) >= 4 AND rtrim(lower(x.name), '0123456789abcdef') = '')
    OR (length(x.name) = 36 AND length(replace(x.name, '-', '')) = 32 AND rtrim(lower(replace(x.name, '-', '')), '0123456789abcdef') = ''
      AND substr(x.name, 9, 1) = '-' AND substr(x.name, 14, 1) = '-' AND substr(x.name, 19, 1) = '-' AND substr(x.name, 24, 1) = '-');

-- The first number that is free among things of the same kind.
UPDATE renamed SET new_name = stem || '-' || (
  WITH RECURSIVE numbers (n) AS (
    SELECT 1
    UNION ALL
    SELECT n + 1 FROM numbers WHERE EXISTS (
      SELECT 1 FROM peers p WHERE renamed.kind = 'peer' AND p.name_key = lower(renamed.stem) || '-' || CAST(n AS TEXT)
      UNION ALL SELECT 1 FROM pools q WHERE renamed.kind = 'pool' AND q.name_key = lower(renamed.stem) || '-' || CAST(n AS TEXT)
      UNION ALL SELECT 1 FROM devices d WHERE renamed.kind = 'device' AND d.name = lower(renamed.stem) || '-' || CAST(n AS TEXT)
      UNION ALL SELECT 1 FROM services s WHERE renamed.kind = 'service' AND lower(s.name) = lower(renamed.stem) || '-' || CAST(n AS TEXT)))
  SELECT CAST(max(n) AS TEXT) FROM numbers);

UPDATE peers SET name = (SELECT r.new_name FROM renamed r WHERE r.kind = 'peer' AND r.id = peer_id),
    name_key = (SELECT lower(r.new_name) FROM renamed r WHERE r.kind = 'peer' AND r.id = peer_id)
  WHERE peer_id IN (SELECT r.id FROM renamed r WHERE r.kind = 'peer');
UPDATE pools SET name = (SELECT r.new_name FROM renamed r WHERE r.kind = 'pool' AND r.id = pool_id),
    name_key = (SELECT lower(r.new_name) FROM renamed r WHERE r.kind = 'pool' AND r.id = pool_id),
    active_name = (SELECT CASE WHEN active_name IS NULL THEN NULL WHEN private = 1 THEN lower(r.new_name) || '/' || pool_id ELSE lower(r.new_name) END
                   FROM renamed r WHERE r.kind = 'pool' AND r.id = pool_id)
  WHERE pool_id IN (SELECT r.id FROM renamed r WHERE r.kind = 'pool');
UPDATE devices SET name = (SELECT r.new_name FROM renamed r WHERE r.kind = 'device' AND r.id = device_id)
  WHERE device_id IN (SELECT r.id FROM renamed r WHERE r.kind = 'device');
UPDATE services SET name = (SELECT r.new_name FROM renamed r WHERE r.kind = 'service' AND r.id = service_id)
  WHERE service_id IN (SELECT r.id FROM renamed r WHERE r.kind = 'service');

INSERT INTO notes (note_id, at, subject, text)
  SELECT 'renamed-' || kind || '-' || id, CAST($1 AS BIGINT), 'renamed ' || kind || ' ' || id,
    'The ' || kind || ' ''' || name || ''' is now called ''' || new_name || ''', because its name could be read as an id.'
  FROM renamed;

-- Mail to the peer, and to the members of the pool. Its sequence numbers follow all earlier ones.
INSERT INTO messages (message_id, seq, from_id, from_name, to_address, thread_id, urgency, text, sent_at, expires_at, hops, answer, pool_id, target)
  SELECT 'renamed-' || r.id,
    (SELECT CASE WHEN max(m.seq) > CAST($1 AS BIGINT) * 1000 THEN max(m.seq) ELSE CAST($1 AS BIGINT) * 1000 END FROM (SELECT 0 AS seq UNION ALL SELECT x.seq FROM messages x) m)
      + row_number() OVER (ORDER BY r.kind, r.id),
    'cct', 'cct', CASE r.kind WHEN 'pool' THEN '@' || r.new_name ELSE r.new_name END, 'renamed-' || r.id, 'low',
    CASE r.kind WHEN 'pool' THEN 'The pool @' || r.name || ' is now called @' ELSE 'You were called ' || r.name || ' and are now called ' END
      || r.new_name || ', because the old name could be read as an id. Mail to the old name does not arrive.',
    CAST($1 AS BIGINT), CAST($1 AS BIGINT) + 2592000000, 0, '', CASE r.kind WHEN 'pool' THEN r.id END, r.id
  FROM renamed r WHERE r.kind IN ('peer', 'pool');
INSERT INTO deliveries (message_id, peer_id, seq, state, attempt, redelivered, expires_at)
  SELECT m.message_id, x.peer_id, m.seq, 'queued', 0, 0, m.expires_at
  FROM messages m JOIN (
    SELECT id, id AS peer_id FROM renamed WHERE kind = 'peer'
    UNION ALL SELECT r.id, w.peer_id FROM renamed r JOIN members w ON w.pool_id = r.id WHERE r.kind = 'pool' AND w.left_at IS NULL) x
    ON m.message_id = 'renamed-' || x.id;

DROP TABLE renamed;
