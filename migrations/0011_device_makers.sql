-- What a device made while it was in, for its revocation: other devices, and invitations. NULL: the broker's own machine.
ALTER TABLE devices ADD COLUMN made_by TEXT;
ALTER TABLE invitations ADD COLUMN made_by TEXT;
