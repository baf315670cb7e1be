-- Is any session's low above its high?
-- Grain: one row per symbol and trade_date whose low is above its high, the newest 20; findings
-- counts all of them.
-- Repeats: quotes_latest has one row per symbol and trade_date, however often a row was sent; a
-- row that was corrected later is not a finding.
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
