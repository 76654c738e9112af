-- Browsers on other machines that have the operator's authority: the operator let each one in at the broker's machine.
ALTER TABLE browsers ADD COLUMN on_network BIGINT NOT NULL DEFAULT 0;
ALTER TABLE page_codes ADD COLUMN on_network BIGINT NOT NULL DEFAULT 0;
