-- breaking
-- The index for full-text search, with a row for each message, whose number is its rowid. A program keeps it up with each message;
-- an older one would not. What was stored before is added in small steps while the broker works: an index over a million
-- messages takes minutes.
{{sqlite}}
CREATE VIRTUAL TABLE message_words USING fts5 (words, content = '', contentless_delete = 1, tokenize = 'ascii')
{{postgres}}
CREATE TABLE message_words (rowid BIGINT PRIMARY KEY, words TSVECTOR NOT NULL)
{{end}};
{{sqlite}}{{postgres}}
CREATE INDEX message_words_gin ON message_words USING gin (words)
{{end}};
-- Messages with a lower number are not in it yet. No row: all are.
CREATE TABLE unindexed (
  below_seq BIGINT PRIMARY KEY
);
INSERT INTO unindexed (below_seq) SELECT max(seq) + 1 FROM messages HAVING count(*) > 0;
