-- Is any session's low above its high?
-- Grain: one row per symbol and trade_date where it is, the newest 20; findings counts them all.
-- Repeats: quotes_latest holds each symbol and trade_date once, however often it was sent; a row
-- that was corrected later is no finding.
SELECT
  symbol,
  trade_date,
  low,
  high,
  count(*) OVER () AS findings
FROM quotes_latest
WHERE low > high
ORDER BY trade_date DESC, symbol
LIMIT 20
