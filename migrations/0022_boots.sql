-- SQLite only: the boot of the machine that a broker has the database open in. It is deleted when the broker ends, so a row
-- of an earlier boot means that the machine went down, and may have forgotten transactions that did not wait for its disk.
CREATE TABLE boots (
  -- '': the system does not say
  boot_id TEXT PRIMARY KEY
);
