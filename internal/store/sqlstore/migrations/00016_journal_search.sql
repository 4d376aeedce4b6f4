-- For searches, in the order of their answers. Each index that a signature's row
-- is in costs the signature some 2 µs on SQLite, so there are no more than these:
-- names are indexed but for SignPayload, which most rows have, and the IDs of
-- events and requests begin with their time. See docs/decisions/0142-search.md.
CREATE INDEX journal_by_time ON journal (account, time);
CREATE INDEX journal_by_principal ON journal (principal, time);
CREATE INDEX journal_by_resource ON journal (resource, time);
CREATE INDEX journal_by_name ON journal (account, name, time) WHERE name <> 'SignPayload';
CREATE INDEX journal_refused ON journal (account, time) WHERE error_code <> '';
-- For what is not kept for long.
CREATE INDEX journal_passing ON journal (time) WHERE read_only OR error_code <> '';
