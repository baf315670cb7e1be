-- Adds to a quotes_history of an earlier version the columns that it lacks. Fails, which the state
-- machine ignores, if the table has them.
ALTER TABLE quotes_history ADD COLUMNS (
  bar string,
  zone string,
  series string,
  seq bigint,
  simulated boolean,
  bid double,
  ask double
)
