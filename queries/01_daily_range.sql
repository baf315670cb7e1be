-- How wide was each symbol's daily price range over its last five sessions?
-- Grain: one row per symbol and trade_date, the newest first.
-- Repeats: quotes_latest has one row per symbol and trade_date, however often a row was sent.
SELECT
  symbol,
  trade_date,
  low,
  high,
  close,
  round(high - low, 4) AS day_range,
  round(100 * (high - low) / nullif(low, 0), 2) AS range_pct
FROM (
  SELECT
    symbol,
    trade_date,
    low,
    high,
    close,
    row_number() OVER (PARTITION BY symbol ORDER BY trade_date DESC) AS recency
  FROM quotes_latest
) AS sessions
WHERE recency <= 5
ORDER BY symbol, trade_date DESC
