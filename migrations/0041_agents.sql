-- Peers of other agents than Claude Code, and what they can do with mail.

-- The agent program. The column claude_pid is its process id, whichever it is: the operations call it host_pid. To rename the
-- column would stop brokers of the earlier version that share the database during an upgrade.
ALTER TABLE peers ADD COLUMN agent TEXT NOT NULL DEFAULT 'claude';
-- 0: mail cannot reach its model while it works, only when its turn has ended
ALTER TABLE peers ADD COLUMN midturn BIGINT NOT NULL DEFAULT 1;
