-- The bytes of small blobs, one row for each content, whoever links it: see
-- docs/decisions/0024-small-blobs-in-records.md. Larger ones are in the blob
-- store, and so may small ones be that were pushed before this table was made.
CREATE TABLE blob_contents (
    digest  TEXT  NOT NULL PRIMARY KEY,
    content BYTEA NOT NULL
) STRICT;
