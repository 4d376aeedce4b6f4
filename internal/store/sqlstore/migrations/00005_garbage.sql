-- What is gone for everybody and still takes room: see
-- docs/decisions/0090-deletes-bury.md and 0091-collecting-blobs.md.

-- A manifest that was deleted with so many referrers that their rows were left
-- for the sweep. Those rows are the manifests with this subject that do not wait;
-- nobody sees them. A new manifest of the digest comes in when the grave is empty.
CREATE TABLE graves (
    repository BIGINT NOT NULL REFERENCES repositories (id),
    subject    TEXT   NOT NULL,
    PRIMARY KEY (repository, subject)
) STRICT;

-- Since when a collection knows that no manifest of the repository names the
-- blob; 0 when that is not known.
ALTER TABLE blob_links ADD COLUMN unnamed_since BIGINT NOT NULL DEFAULT 0;

-- For mounts that name no source, and for collections: who holds a blob.
DROP INDEX blob_links_by_digest;
CREATE INDEX blob_links_by_digest ON blob_links (digest, account, repository);

-- That a blob's content was taken away. The claim is another one each time, so a
-- push that began before knows that what it saw there may be gone.
CREATE TABLE blob_claims (
    digest     TEXT   NOT NULL PRIMARY KEY,
    claim      BIGINT NOT NULL,
    claimed_at BIGINT NOT NULL
) STRICT;
CREATE INDEX blob_claims_in_order ON blob_claims (claimed_at);
