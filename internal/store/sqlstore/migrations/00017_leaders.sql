-- Which of the processes that share these records does what one at a time is to
-- do: the leader sets another beat every few seconds, and who sees the same one
-- for long takes over. 0 means that nobody leads. See
-- docs/decisions/0092-one-collector.md.
CREATE TABLE leaders (
    task TEXT   NOT NULL PRIMARY KEY,
    beat BIGINT NOT NULL
) STRICT;
