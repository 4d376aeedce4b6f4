-- Jobs are listed by their IDs, which begin with their time: a list of all walks
-- the table itself. Each index that every signature is in costs it some 2 µs on
-- SQLite, so there is one, for what is to be removed in time and for the removal
-- of profiles. See docs/decisions/0161-retention.md and 0162-lists-of-jobs.md.
DROP INDEX jobs_newest;
DROP INDEX jobs_revoked;
CREATE INDEX jobs_by_version ON jobs (account, profile_name, profile_version, expires_at);
CREATE INDEX jobs_revoked ON jobs (account, id) WHERE revoked_at <> 0;
CREATE INDEX jobs_invoked_by_others ON jobs (account, invoker, id) WHERE invoker <> account;

-- When a version was canceled or revoked, whichever was later; 0 while it is
-- Active. Of those that ended before this was kept, when that was is not known, so
-- it counts from about now: from the newest row of the journal.
ALTER TABLE profile_versions ADD COLUMN ended_at BIGINT NOT NULL DEFAULT 0;
UPDATE profile_versions SET ended_at = COALESCE((SELECT MAX(time) FROM journal), 0) WHERE status <> 'Active';
