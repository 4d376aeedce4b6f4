-- The registry: repositories, manifests, tags, and which blobs a repository holds.
--
-- A repository, a manifest, a tag and a blob link are records, and carry their
-- account and region. The parts of a manifest (content, blobs, children) belong
-- to its row. Times are microseconds since 1970 in UTC. The foreign keys say
-- once more what the transactions promise: nothing dangles.
--
-- SQLite plans without statistics, and takes a covering index over one that fits
-- better. So where two indexes of a table begin alike, both cover; and the tables
-- are not WITHOUT ROWID, whose key would always cover. A test reads the plans.

-- The id is random: no engine has to hand it out, so replicas never meet over it.
CREATE TABLE repositories (
    id           BIGINT  NOT NULL PRIMARY KEY,
    account      TEXT    NOT NULL,
    region       TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    mutability   TEXT    NOT NULL,
    exclusions   TEXT    NOT NULL, -- JSON array of wildcards, or ''
    tags         TEXT    NOT NULL, -- resource tags: JSON object, or ''
    scan_on_push BOOLEAN NOT NULL,
    created_at   BIGINT  NOT NULL,
    UNIQUE (account, name)
) STRICT;

CREATE TABLE blob_links (
    repository BIGINT NOT NULL REFERENCES repositories (id),
    digest     TEXT   NOT NULL,
    account    TEXT   NOT NULL,
    region     TEXT   NOT NULL,
    size       BIGINT NOT NULL,
    PRIMARY KEY (repository, digest)
) STRICT;

-- A manifest without subject has ''. waiting: it has one, which is not there.
CREATE TABLE manifests (
    repository    BIGINT  NOT NULL REFERENCES repositories (id),
    digest        TEXT    NOT NULL,
    account       TEXT    NOT NULL,
    region        TEXT    NOT NULL,
    media_type    TEXT    NOT NULL,
    artifact_type TEXT    NOT NULL,
    subject       TEXT    NOT NULL,
    waiting       BOOLEAN NOT NULL CHECK (NOT waiting OR subject <> ''),
    annotations   TEXT    NOT NULL, -- JSON object, or ''
    content_size  BIGINT  NOT NULL,
    image_size    BIGINT  NOT NULL,
    pushed_at     BIGINT  NOT NULL,
    PRIMARY KEY (repository, digest)
) STRICT;
CREATE INDEX manifests_in_order ON manifests (repository, pushed_at, digest);
-- A page of referrers costs what the page holds, whatever the repository does.
CREATE INDEX referrers_in_order ON manifests (repository, subject, pushed_at, digest) WHERE subject <> '';
CREATE INDEX referrers_by_type ON manifests (repository, subject, artifact_type, pushed_at, digest) WHERE subject <> '';
CREATE INDEX manifests_waiting ON manifests (pushed_at, digest) WHERE waiting;

-- The bytes, apart, so that lists never read past them.
CREATE TABLE manifest_contents (
    repository BIGINT NOT NULL,
    digest     TEXT   NOT NULL,
    content    BYTEA  NOT NULL,
    PRIMARY KEY (repository, digest),
    FOREIGN KEY (repository, digest) REFERENCES manifests (repository, digest)
) STRICT;

CREATE TABLE manifest_blobs (
    repository BIGINT NOT NULL,
    manifest   TEXT   NOT NULL,
    blob       TEXT   NOT NULL,
    PRIMARY KEY (repository, manifest, blob),
    FOREIGN KEY (repository, manifest) REFERENCES manifests (repository, digest),
    FOREIGN KEY (repository, blob) REFERENCES blob_links (repository, digest)
) STRICT;
CREATE INDEX manifest_blobs_by_blob ON manifest_blobs (repository, blob, manifest);

CREATE TABLE manifest_children (
    repository BIGINT NOT NULL,
    parent     TEXT   NOT NULL,
    child      TEXT   NOT NULL,
    PRIMARY KEY (repository, parent, child),
    FOREIGN KEY (repository, parent) REFERENCES manifests (repository, digest),
    FOREIGN KEY (repository, child) REFERENCES manifests (repository, digest)
) STRICT;
CREATE INDEX manifest_children_by_child ON manifest_children (repository, child, parent);

CREATE TABLE image_tags (
    repository BIGINT NOT NULL,
    name       TEXT   NOT NULL,
    account    TEXT   NOT NULL,
    region     TEXT   NOT NULL,
    digest     TEXT   NOT NULL,
    PRIMARY KEY (repository, name),
    FOREIGN KEY (repository, digest) REFERENCES manifests (repository, digest)
) STRICT;
CREATE INDEX image_tags_by_digest ON image_tags (repository, digest, name);
