-- Does any session open or close outside the range from its low to its high?
-- Grain: one row per symbol, trade_date and price outside the range, the newest 20; findings
-- counts all of them. A session whose low is above its high is a finding of low_above_high, not of
-- this query.
-- Repeats: quotes_latest has one row per symbol and trade_date, however often a row was sent; a
-- row that was corrected later is not a finding.
SELECT
  symbol,
  trade_date,
  column_name,
  price,
  low,
  high,
  count(*) OVER () AS findings
FROM (
  SELECT
    symbol,
    trade_date,
    column_name,
    CASE column_name WHEN 'open' THEN open ELSE close END AS price,
    low,
    high
  FROM quotes_latest
  CROSS JOIN (VALUES ('open'), ('close')) AS prices (column_name)
) AS sessions
WHERE (price < low OR price > high)
  AND coalesce(low <= high, TRUE)
ORDER BY trade_date DESC, symbol, column_name
LIMIT 20
