-- A number for the list of each subject that has referrers: another one, never
-- used before, after each change of the list. What was rendered from the list is
-- good as long as the number stands. The row goes with the last referrer.
CREATE TABLE referrer_revisions (
    repository BIGINT NOT NULL REFERENCES repositories (id),
    subject    TEXT   NOT NULL,
    revision   BIGINT NOT NULL,
    PRIMARY KEY (repository, subject)
) STRICT;
INSERT INTO referrer_revisions (repository, subject, revision)
    SELECT DISTINCT repository, subject, 1 FROM manifests WHERE subject <> '';
