-- What senders are to expect of a session.

-- 0: mail cannot wake it when it is idle (print mode, SDK)
ALTER TABLE peers ADD COLUMN wakes BIGINT NOT NULL DEFAULT 1;
-- process id of its session server; NULL: unknown
ALTER TABLE peers ADD COLUMN server_pid BIGINT;
