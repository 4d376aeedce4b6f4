-- Where the tailers of the journal stand: one row each, changed only by who has
-- seen the beat that stands. Whoever does not move it for long loses it to
-- another replica. See docs/decisions/0140-tailers.md.
CREATE TABLE journal_tailers (
    name      TEXT NOT NULL PRIMARY KEY,
    position  BIGINT NOT NULL, -- in the journal; everything up to it was delivered
    holder    TEXT NOT NULL, -- who runs the tailer; '' is nobody
    beat      BIGINT NOT NULL, -- another at each change
    caught_up BOOLEAN NOT NULL
) STRICT;
