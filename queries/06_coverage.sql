-- What does the lake hold of each symbol, year by year?
-- Grain: one row per symbol and year, the newest first.
-- Repeats: quotes_latest holds each symbol and trade_date once, however often it was sent, so
-- sessions are days, not records.
-- The average is taken in decimal, which is exact whatever the order of the rows.
SELECT
  trade_year,
  symbol,
  count(*) AS sessions,
  min(trade_date) AS first_session,
  max(trade_date) AS last_session,
  count(*) - count(close) AS without_close,
  round(
    CAST(sum(TRY_CAST(close AS decimal(38, 6))) AS double) / nullif(count(close), 0),
    4
  ) AS avg_close,
  TRY_CAST(round(sum(volume)) AS bigint) AS volume
FROM (
  SELECT extract(YEAR FROM trade_date) AS trade_year, symbol, trade_date, close, volume
  FROM quotes_latest
) AS sessions
GROUP BY trade_year, symbol
ORDER BY trade_year DESC, symbol
