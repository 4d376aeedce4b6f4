-- The records of Sealwright, in PostgreSQL's words; ../dialect.go knows SQLite's.
--
-- Every time is microseconds since 1970 UTC, and 0 means none. JSON is text, and
-- '' means none. Text is compared byte by byte. Ids come from the application.
-- Every record says its account and its region, save what belongs to the whole
-- installation (bootstrap, certificates).

-- What an installation makes once. Replicas that start together race for the
-- row: the first makes it, the others wait for that and take what stands.
CREATE TABLE bootstrap (
    what TEXT NOT NULL PRIMARY KEY CHECK (what IN ('account', 'authority')),
    id   TEXT NOT NULL -- of the first account; of the issuing certificate
) STRICT, WITHOUT ROWID;

-- Tenants. token_key is sealed under "token-key/<id>".
CREATE TABLE accounts (
    id         TEXT NOT NULL PRIMARY KEY,
    region     TEXT NOT NULL,
    token_key  BYTEA NOT NULL,
    created_at BIGINT NOT NULL
) STRICT, WITHOUT ROWID;

-- Long-lived credentials. secret is sealed under "access-key/<id>".
CREATE TABLE access_keys (
    id         TEXT NOT NULL PRIMARY KEY,
    account    TEXT NOT NULL REFERENCES accounts (id),
    region     TEXT NOT NULL,
    principal  TEXT NOT NULL, -- ARN
    secret     BYTEA NOT NULL,
    active     BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX access_keys_by_principal ON access_keys (account, principal);

-- Every certificate the authority made, from before its key first signs. A
-- signing transaction holds the leaf's row, so a revocation waits for it.
CREATE TABLE certificates (
    id         TEXT NOT NULL PRIMARY KEY, -- hex SHA-256 of der
    role       TEXT NOT NULL CHECK (role IN ('root', 'issuing', 'leaf')),
    region     TEXT NOT NULL,
    serial     TEXT NOT NULL,
    der        BYTEA NOT NULL,
    hash       TEXT NOT NULL, -- as GetRevocationStatus has it, lower case
    issuer     TEXT NOT NULL REFERENCES certificates (id), -- the root's is itself
    replica    TEXT NOT NULL,
    not_before BIGINT NOT NULL,
    not_after  BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT NOT NULL,
    UNIQUE (issuer, serial)
) STRICT;
CREATE INDEX certificates_by_role ON certificates (role, created_at);
CREATE INDEX certificates_revoked ON certificates (hash) WHERE revoked_at <> 0;

-- Private keys of the root and the issuing certificate, sealed under
-- "authority/<certificate>". Leaf keys never leave memory.
CREATE TABLE authority_keys (
    certificate TEXT NOT NULL PRIMARY KEY REFERENCES certificates (id),
    sealed      BYTEA NOT NULL
) STRICT, WITHOUT ROWID;

-- Signing profiles: what all versions of a name share. Whoever signs holds this
-- row and whoever changes the profile or any version of it locks it, so "newest"
-- and every version's status are stable while a signature is recorded.
CREATE TABLE profiles (
    account TEXT NOT NULL,
    name    TEXT NOT NULL,
    region  TEXT NOT NULL,
    newest  TEXT NOT NULL, -- version
    tags    TEXT NOT NULL, -- JSON
    PRIMARY KEY (account, name)
) STRICT, WITHOUT ROWID;

-- Versions of signing profiles. They are never deleted while jobs name them.
CREATE TABLE profile_versions (
    account           TEXT NOT NULL,
    name              TEXT NOT NULL,
    version           TEXT NOT NULL,
    region            TEXT NOT NULL,
    platform          TEXT NOT NULL,
    validity_value    BIGINT NOT NULL,
    validity_unit     TEXT NOT NULL CHECK (validity_unit IN ('DAYS', 'MONTHS', 'YEARS')),
    parameters        TEXT NOT NULL, -- JSON
    status            TEXT NOT NULL CHECK (status IN ('Active', 'Canceled', 'Revoked')),
    status_reason     TEXT NOT NULL,
    created_at        BIGINT NOT NULL,
    revoked_from      BIGINT NOT NULL, -- effective, inclusive
    revoked_at        BIGINT NOT NULL CHECK ((revoked_at <> 0) = (status = 'Revoked')),
    revoked_by        TEXT NOT NULL, -- ARN
    revocation_reason TEXT NOT NULL,
    PRIMARY KEY (account, name, version),
    FOREIGN KEY (account, name) REFERENCES profiles (account, name)
) STRICT, WITHOUT ROWID;

-- Signatures that were let out: one row each, in the transaction that did it.
CREATE TABLE jobs (
    account           TEXT NOT NULL, -- owner
    id                TEXT NOT NULL,
    region            TEXT NOT NULL,
    invoker           TEXT NOT NULL, -- account
    requested_by      TEXT NOT NULL, -- ARN
    profile_name      TEXT NOT NULL,
    profile_version   TEXT NOT NULL,
    platform          TEXT NOT NULL,
    certificate       TEXT NOT NULL REFERENCES certificates (id),
    payload_digest    TEXT NOT NULL, -- hex SHA-256
    signed_at         BIGINT NOT NULL,
    expires_at        BIGINT NOT NULL,
    created_at        BIGINT NOT NULL,
    revoked_at        BIGINT NOT NULL,
    revoked_by        TEXT NOT NULL, -- ARN
    revocation_reason TEXT NOT NULL,
    PRIMARY KEY (account, id),
    FOREIGN KEY (account, profile_name, profile_version) REFERENCES profile_versions (account, name, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX jobs_newest ON jobs (account, created_at, id);
CREATE INDEX jobs_revoked ON jobs (account, created_at, id) WHERE revoked_at <> 0;

-- What happened: one row in the transaction that did it. Positions grow, with
-- gaps where a transaction was given up; ../journal.go says how it is read. In
-- PostgreSQL a position is taken only after the transaction has got its id, so
-- whoever waits for the transactions of an earlier moment knows all positions
-- that had been taken by then. The newest row is never deleted: SQLite takes the
-- next position from it.
-- PostgreSQL: CREATE SEQUENCE journal_position;
CREATE TABLE journal (
    position      JOURNAL_POSITION PRIMARY KEY,
    id            TEXT NOT NULL,
    time          BIGINT NOT NULL,
    account       TEXT NOT NULL,
    region        TEXT NOT NULL,
    source        TEXT NOT NULL,
    name          TEXT NOT NULL,
    resource      TEXT NOT NULL, -- ARN
    principal     TEXT NOT NULL, -- ARN
    access_key_id TEXT NOT NULL,
    source_ip     TEXT NOT NULL,
    user_agent    TEXT NOT NULL,
    request_id    TEXT NOT NULL,
    detail        TEXT NOT NULL -- JSON
) STRICT;
