-- What came of a call, and why if it was denied. Rows from before tell of
-- changes that were made.
ALTER TABLE journal ADD COLUMN reason TEXT NOT NULL DEFAULT '';
ALTER TABLE journal ADD COLUMN error_code TEXT NOT NULL DEFAULT ''; -- '' is success
ALTER TABLE journal ADD COLUMN error_message TEXT NOT NULL DEFAULT '';
ALTER TABLE journal ADD COLUMN read_only BOOLEAN NOT NULL DEFAULT FALSE;
