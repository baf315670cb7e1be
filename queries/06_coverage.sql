-- What data does the lake contain for each symbol and year?
-- Grain: one row per symbol, series and year, the newest first.
-- Repeats: daily has one row per symbol, series and trade_date, however often a row was sent, so
-- sessions counts days, not records.
-- The average uses decimal arithmetic, which is exact in any order of the rows.
SELECT
  trade_year,
  symbol,
  series,
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
  SELECT extract(YEAR FROM trade_date) AS trade_year, symbol, series, trade_date, close, volume
  FROM daily
) AS sessions
GROUP BY trade_year, symbol, series
ORDER BY trade_year DESC, symbol, series
