-- Users, groups and roles. folded is the name in lower case, since two names
-- differ in more than case. inline has the documents of the policies that belong
-- to the identity alone, by name. trust and max_session (seconds) are a role's.
CREATE TABLE identities (
    id          TEXT NOT NULL PRIMARY KEY, -- AIDA…, AGPA… or AROA…
    account     TEXT NOT NULL REFERENCES accounts (id),
    region      TEXT NOT NULL,
    kind        TEXT NOT NULL CHECK (kind IN ('user', 'group', 'role')),
    folded      TEXT NOT NULL,
    name        TEXT NOT NULL,
    path        TEXT NOT NULL,
    tags        TEXT NOT NULL,
    inline      TEXT NOT NULL,
    trust       TEXT NOT NULL,
    description TEXT NOT NULL,
    max_session BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    UNIQUE (account, kind, folded)
) STRICT;

-- Managed policies that identities have, or are bounded by. AWS's own are built
-- into the program and have no row in managed_policies.
CREATE TABLE attachments (
    identity TEXT NOT NULL REFERENCES identities (id),
    policy   TEXT NOT NULL, -- ARN
    boundary BOOLEAN NOT NULL,
    PRIMARY KEY (identity, policy, boundary)
) STRICT;
CREATE INDEX attachments_by_policy ON attachments (policy, identity);

CREATE TABLE memberships (
    member   TEXT NOT NULL REFERENCES identities (id), -- a user
    of_group TEXT NOT NULL REFERENCES identities (id),
    PRIMARY KEY (member, of_group)
) STRICT;
CREATE INDEX memberships_by_group ON memberships (of_group, member);

-- versions are the documents, oldest first, as JSON.
CREATE TABLE managed_policies (
    id          TEXT NOT NULL PRIMARY KEY, -- ANPA…
    account     TEXT NOT NULL REFERENCES accounts (id),
    region      TEXT NOT NULL,
    arn         TEXT NOT NULL UNIQUE,
    folded      TEXT NOT NULL,
    name        TEXT NOT NULL,
    path        TEXT NOT NULL,
    description TEXT NOT NULL,
    tags        TEXT NOT NULL,
    versions    TEXT NOT NULL,
    standard    BIGINT NOT NULL, -- number of the default version
    last        BIGINT NOT NULL, -- number of the newest version there ever was
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    UNIQUE (account, folded)
) STRICT;

-- owner is the unique ID of a key's user: names may change hands. '' is the root
-- user. What a key was last used for is written from time to time.
ALTER TABLE access_keys ADD COLUMN owner TEXT NOT NULL DEFAULT '';
ALTER TABLE access_keys ADD COLUMN used_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE access_keys ADD COLUMN used_service TEXT NOT NULL DEFAULT '';
CREATE INDEX access_keys_by_owner ON access_keys (owner);

-- One row: a number that changes in each transaction that changes anything a
-- credential or a decision depends on.
CREATE TABLE access_revision (
    one    BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    number BIGINT NOT NULL
) STRICT;
INSERT INTO access_revision (one, number) VALUES (1, 1);
