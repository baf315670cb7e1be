-- What were each symbol's two best and two worst days?
-- Grain: one row per symbol, series, side and place. A day's change is measured from the previous
-- session, in adjusted prices where the feed has them, so that a split does not count as a crash.
-- Repeats: daily has one row per symbol, series and trade_date, however often a row was sent, so
-- the previous row is the previous session. Equal changes are ranked by date.
SELECT
  symbol,
  series,
  CASE WHEN from_top <= 2 THEN 'best' ELSE 'worst' END AS side,
  CASE WHEN from_top <= 2 THEN from_top ELSE from_bottom END AS place,
  trade_date,
  close,
  round(100 * change, 2) AS change_pct
FROM (
  SELECT
    symbol,
    series,
    trade_date,
    close,
    change,
    row_number() OVER (PARTITION BY symbol, series ORDER BY change DESC, trade_date) AS from_top,
    row_number() OVER (PARTITION BY symbol, series ORDER BY change, trade_date) AS from_bottom
  FROM (
    SELECT
      symbol,
      series,
      trade_date,
      close,
      price / nullif(
        lag(price) OVER (PARTITION BY symbol, series ORDER BY trade_date), 0
      ) - 1 AS change
    FROM (
      SELECT symbol, series, trade_date, close, coalesce(adj_close, close) AS price
      FROM daily
    ) AS prices
    WHERE price IS NOT NULL
  ) AS changes
  WHERE change IS NOT NULL
) AS placed
WHERE from_top <= 2
  OR from_bottom <= 2
ORDER BY symbol, series, side, place
