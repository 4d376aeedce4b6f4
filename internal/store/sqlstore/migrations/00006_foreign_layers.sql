-- Layers that need not be in a repository, and were pushed all the same, are part
-- of their image like any other; or a collection would take them for garbage.
-- Images with such layers are few. A digest that is found elsewhere in one keeps
-- a blob from being collected, and does no harm.
INSERT INTO manifest_blobs (repository, manifest, blob)
    SELECT i.repository, i.digest, l.digest
    FROM (SELECT repository, digest, CONTENT_TEXT AS content FROM manifest_contents
          WHERE CONTENT_TEXT LIKE '%.nondistributable.%' OR CONTENT_TEXT LIKE '%.foreign.diff.%') AS i
    CROSS JOIN blob_links l
    WHERE l.repository = i.repository AND i.content LIKE '%' || l.digest || '%'
    ON CONFLICT DO NOTHING;
