-- How wide was each symbol's daily price range over its last five sessions?
-- Grain: one row per symbol, series and trade_date, the newest first.
-- Repeats: daily has one row per symbol, series and trade_date, however often a row was sent.
SELECT
  symbol,
  series,
  trade_date,
  low,
  high,
  close,
  round(high - low, 4) AS day_range,
  round(100 * (high - low) / nullif(low, 0), 2) AS range_pct
FROM (
  SELECT
    symbol,
    series,
    trade_date,
    low,
    high,
    close,
    row_number() OVER (PARTITION BY symbol, series ORDER BY trade_date DESC) AS recency
  FROM daily
) AS sessions
WHERE recency <= 5
ORDER BY symbol, series, trade_date DESC
