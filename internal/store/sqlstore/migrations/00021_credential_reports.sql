-- The newest credential report of each account, as CSV.
CREATE TABLE credential_reports (
    account TEXT NOT NULL PRIMARY KEY REFERENCES accounts (id),
    region  TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    content TEXT NOT NULL
) STRICT;
