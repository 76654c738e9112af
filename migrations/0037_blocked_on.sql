-- What a blocked session asks its user's permission for: the tool, and its command, file, address or question.
ALTER TABLE peers ADD COLUMN blocked_tool TEXT;
ALTER TABLE peers ADD COLUMN blocked_what TEXT;
