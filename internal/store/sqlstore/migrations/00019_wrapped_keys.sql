-- The data key, which everything sealed in here is under, once under each wrapping
-- key that opens the installation. replaced_by names the row that takes its place in
-- a rotation under way, '' for none.
CREATE TABLE wrapped_keys (
    id          TEXT NOT NULL PRIMARY KEY,
    wrapped     BYTEA NOT NULL,
    replaced_by TEXT NOT NULL,
    created_at  BIGINT NOT NULL
) STRICT;
