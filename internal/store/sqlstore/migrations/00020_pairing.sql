-- What these records belong together with: their own name, which their directory
-- of blobs has written down, and that directory's. Each is written once.
CREATE TABLE pairing (
    part TEXT NOT NULL PRIMARY KEY,
    id   TEXT NOT NULL
) STRICT;
