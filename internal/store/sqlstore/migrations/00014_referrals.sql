-- That a manifest without a subject of its own refers to one: an index of the
-- referrers tag schema says so (docs/decisions/0081-referrers-tag-schema.md). It
-- goes with the manifest or with the subject, neither of which goes with it. If
-- the subject has a grave, it is gone for everybody. Type and time are the
-- manifest's, which do not change, so that a page costs what it holds.
CREATE TABLE referrals (
    repository    BIGINT NOT NULL,
    digest        TEXT   NOT NULL,
    subject       TEXT   NOT NULL,
    artifact_type TEXT   NOT NULL,
    pushed_at     BIGINT NOT NULL,
    PRIMARY KEY (repository, digest, subject),
    FOREIGN KEY (repository, digest) REFERENCES manifests (repository, digest)
) STRICT;
CREATE INDEX referrals_in_order ON referrals (repository, subject, pushed_at, digest);
CREATE INDEX referrals_by_type ON referrals (repository, subject, artifact_type, pushed_at, digest);
-- Tags of the referrers tag schema that were kept before such indexes were
-- absorbed: each is looked at once, by the collection of garbage, and leaves.
CREATE TABLE old_referrers_tags (
    repository BIGINT NOT NULL REFERENCES repositories (id),
    name       TEXT   NOT NULL,
    PRIMARY KEY (repository, name)
) STRICT;
INSERT INTO old_referrers_tags (repository, name)
    SELECT repository, name FROM image_tags
    WHERE length(name) = 71 AND (name LIKE 'sha256-%' OR name LIKE 'sha512-%');
