-- OpenID Connect providers. name is the URL without its scheme, as in the ARN.
CREATE TABLE identity_providers (
    account     TEXT NOT NULL REFERENCES accounts (id),
    region      TEXT NOT NULL,
    name        TEXT NOT NULL,
    url         TEXT NOT NULL,
    client_ids  TEXT NOT NULL, -- JSON list
    thumbprints TEXT NOT NULL, -- JSON list
    tags        TEXT NOT NULL,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (account, name)
) STRICT;
