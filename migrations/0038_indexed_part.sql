-- breaking
-- The part of all messages, by their numbers, whose words are in the index: from `from_seq` up to `to_seq`, without it. What was stored
-- before is added downwards. On SQLite a message is sent without its words: one transaction adds those of many, and until then a
-- search reads the texts from `to_seq` on. PostgreSQL's brokers store each message with its words, because the numbers of
-- several brokers are not in the order of their commits: an older program would not do either.
CREATE TABLE indexed_part (
  from_seq BIGINT PRIMARY KEY,
  to_seq   BIGINT NOT NULL
);
INSERT INTO indexed_part (from_seq, to_seq)
SELECT coalesce((SELECT min(below_seq) FROM unindexed), 0),
  {{sqlite}}coalesce((SELECT max(seq) + 1 FROM messages), 0){{postgres}}9007199254740991{{end}};
DROP TABLE unindexed;
