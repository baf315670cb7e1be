-- Does any session open or close outside its own low and high?
-- Grain: one row per symbol, trade_date and price that does, the newest 20; findings counts them
-- all. Where low and high are themselves the wrong way round, low_above_high says so, not this.
-- Repeats: quotes_latest holds each symbol and trade_date once, however often it was sent; a row
-- that was corrected later is no finding.
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
