-- What is attached to resources and says who may do what with them. A change of
-- any of these rows changes access_revision in its transaction.

-- At most one policy a repository; it goes with the repository's name.
CREATE TABLE repository_policies (
    repository BIGINT NOT NULL PRIMARY KEY REFERENCES repositories (id),
    policy     TEXT   NOT NULL -- JSON, as it was given
) STRICT;

-- At most one policy a registry, which is an account's.
CREATE TABLE registry_policies (
    account TEXT NOT NULL PRIMARY KEY,
    region  TEXT NOT NULL,
    policy  TEXT NOT NULL -- JSON, as it was given
) STRICT;

-- The permissions of a signing profile's name. The row stays when the last of
-- them is removed, so that no revision comes twice; it goes when a name that had
-- ended gets a new version.
CREATE TABLE profile_permissions (
    account    TEXT NOT NULL,
    name       TEXT NOT NULL,
    revision   TEXT NOT NULL,
    statements TEXT NOT NULL, -- JSON list, in the order in which they were added
    PRIMARY KEY (account, name),
    FOREIGN KEY (account, name) REFERENCES profiles (account, name)
) STRICT;
