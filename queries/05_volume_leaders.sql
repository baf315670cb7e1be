-- Which symbols had the highest trading volume in each of the last six months?
-- Grain: one row per month and place, the top three of each month; the series of a symbol are
-- ranked separately.
-- Repeats: daily has one row per symbol, series and trade_date, however often a row was sent, so
-- no volume is counted twice. Equal volumes are ranked by symbol and series.
SELECT
  trade_month,
  place,
  symbol,
  series,
  sessions,
  TRY_CAST(round(volume) AS bigint) AS volume,
  round(100 * volume / nullif(volume_of_all, 0), 2) AS share_pct
FROM (
  SELECT
    trade_month,
    symbol,
    series,
    sessions,
    volume,
    sum(volume) OVER (PARTITION BY trade_month) AS volume_of_all,
    row_number() OVER (PARTITION BY trade_month ORDER BY volume DESC, symbol, series) AS place,
    dense_rank() OVER (ORDER BY trade_month DESC) AS month_recency
  FROM (
    SELECT
      CAST(concat(substr(CAST(trade_date AS varchar), 1, 7), '-01') AS date) AS trade_month,
      symbol,
      series,
      count(volume) AS sessions,
      sum(volume) AS volume
    FROM daily
    WHERE volume IS NOT NULL
    GROUP BY 1, symbol, series
  ) AS months
) AS placed
WHERE place <= 3
  AND month_recency <= 6
ORDER BY trade_month DESC, place
