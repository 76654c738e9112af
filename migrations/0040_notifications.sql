-- Notifications that leave CCT.

-- Of each channel the latest one, and the latest test: at most one of each is under way.
CREATE TABLE notifications (
  -- ntfy, webhook
  channel         TEXT NOT NULL,
  -- needs, test
  purpose         TEXT NOT NULL,
  notification_id TEXT NOT NULL,
  -- what it tells: subjects (rules/notifications.ts), as a JSON list
  subjects        TEXT NOT NULL,
  made_at         BIGINT NOT NULL,
  attempts        BIGINT NOT NULL,
  -- when to try next, also while it is tried: a broker that dies leaves it to another; NULL: it has ended
  due_at          BIGINT,
  -- when the channel last took one, when it last did not, and why not if that was its last answer
  sent_at         BIGINT,
  failed_at       BIGINT,
  error           TEXT,
  PRIMARY KEY (channel, purpose)
);

-- Needs that were told, so that each is told once.
CREATE TABLE told_needs (
  channel TEXT NOT NULL,
  subject TEXT NOT NULL,
  -- how much of it there was
  level   BIGINT NOT NULL,
  told_at BIGINT NOT NULL,
  seen_at BIGINT NOT NULL,
  PRIMARY KEY (channel, subject)
);
