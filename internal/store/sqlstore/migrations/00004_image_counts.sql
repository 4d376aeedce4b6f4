-- How many manifests each repository holds, and how many of them are signatures:
-- kept by the transactions that add and delete manifests, held against the quota.
-- Apart from repositories, whose rows every push locks, shared.
CREATE TABLE repository_counts (
    repository BIGINT NOT NULL PRIMARY KEY REFERENCES repositories (id),
    images     BIGINT NOT NULL CHECK (images >= signatures),
    signatures BIGINT NOT NULL CHECK (signatures >= 0)
) STRICT;

INSERT INTO repository_counts (repository, images, signatures)
    SELECT r.id,
        (SELECT COUNT(*) FROM manifests m WHERE m.repository = r.id),
        (SELECT COUNT(*) FROM manifests m WHERE m.repository = r.id AND m.artifact_type = 'application/vnd.cncf.notary.signature')
    FROM repositories r;

-- Which repositories of an account hold a blob, for mounts that name no source.
CREATE INDEX blob_links_by_digest ON blob_links (account, digest, repository);
