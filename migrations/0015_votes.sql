-- Why a member has no vote on a proposal; NULL: it is a voter.
ALTER TABLE ballots ADD COLUMN excluded TEXT;
