-- Whether a peer's summary is its own words. Others are made from its repository, and follow it.
ALTER TABLE peers ADD COLUMN own_summary INTEGER NOT NULL DEFAULT 0;
UPDATE peers SET own_summary = 1 WHERE summary <> '' AND summary NOT LIKE 'on %' AND summary NOT LIKE 'detached%';
