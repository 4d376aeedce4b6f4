-- The transparency log. Its one row says who it is and where it ends. checkpoint
-- is a signed note, '' before the first; published is its size.
CREATE TABLE log (
    id         TEXT   NOT NULL PRIMARY KEY CHECK (id = 'log'),
    region     TEXT   NOT NULL,
    origin     TEXT   NOT NULL,
    key_id     TEXT   NOT NULL,
    size       BIGINT NOT NULL,
    root       BYTEA  NOT NULL,
    checkpoint TEXT   NOT NULL,
    published  BIGINT NOT NULL CHECK (published <= size)
) STRICT;

-- An entry of each signing job, numbered from 0 without gaps. It outlives its job.
CREATE TABLE log_records (
    number     BIGINT NOT NULL PRIMARY KEY,
    account    TEXT   NOT NULL,
    job        TEXT   NOT NULL,
    region     TEXT   NOT NULL,
    entry      BYTEA  NOT NULL,
    expires_at BIGINT NOT NULL, -- the signature
    UNIQUE (account, job)
) STRICT;

-- The Merkle tree, 256 hashes at most a row.
CREATE TABLE log_tiles (
    level  BIGINT NOT NULL,
    n      BIGINT NOT NULL,
    hashes BYTEA  NOT NULL,
    PRIMARY KEY (level, n)
) STRICT, WITHOUT ROWID;
