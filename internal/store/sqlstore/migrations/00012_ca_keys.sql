-- CAs can be replaced, retired and revoked, and their keys be kept elsewhere.

-- Private keys of CAs that are kept here, sealed under "authority/<id>". Of those
-- made before this table the id is the certificate's. A key is saved before the
-- certificate that names it.
CREATE TABLE ca_keys (
    id         TEXT NOT NULL PRIMARY KEY,
    purpose    TEXT NOT NULL,
    sealed     BYTEA NOT NULL,
    created_at BIGINT NOT NULL
) STRICT;
INSERT INTO ca_keys (id, purpose, sealed, created_at)
    SELECT k.certificate, 'first', k.sealed, c.created_at FROM authority_keys k JOIN certificates c ON c.id = k.certificate;

-- key_id names the CA's key, '' when it is held elsewhere. revoked_by is who did
-- it, reason RFC 5280's number of why.
ALTER TABLE certificates ADD COLUMN key_id TEXT NOT NULL DEFAULT '';
ALTER TABLE certificates ADD COLUMN retired_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE certificates ADD COLUMN revoked_by TEXT NOT NULL DEFAULT '';
ALTER TABLE certificates ADD COLUMN reason BIGINT NOT NULL DEFAULT 0;
UPDATE certificates SET key_id = id WHERE id IN (SELECT certificate FROM authority_keys);
DROP TABLE authority_keys;

-- For revocation lists.
CREATE INDEX certificates_revoked_by_issuer ON certificates (issuer, revoked_at) WHERE revoked_at <> 0;
-- bootstrap's row "authority" has the id of the issuing certificate that is
-- active now.
