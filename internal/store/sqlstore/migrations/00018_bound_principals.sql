-- Policies of resources and trust policies name users and roles by their unique
-- IDs (docs/decisions/0118-principals-by-id.md). What stands here already is bound
-- by the program, after this, in the same transaction: to who has the name now.
UPDATE access_revision SET number = number + 1 WHERE one = 1;
