-- Messages of two participants to each other, by their ids in order (store/conversations.ts): the pairs there are, what each said
-- last, and its messages by page.
CREATE INDEX messages_by_pair ON messages (
  (CASE WHEN from_id < target THEN from_id || '~' || target ELSE target || '~' || from_id END), seq)
  WHERE pool_id IS NULL AND from_id <> 'cct' AND target <> '';
