-- Which symbols had the highest trading volume in each of the last six months?
-- Grain: one row per month and place, the top three symbols of each month.
-- Repeats: quotes_latest has one row per symbol and trade_date, however often a row was sent, so
-- no volume is counted twice. Equal volumes are ranked by symbol.
SELECT
  trade_month,
  place,
  symbol,
  sessions,
  TRY_CAST(round(volume) AS bigint) AS volume,
  round(100 * volume / nullif(volume_of_all, 0), 2) AS share_pct
FROM (
  SELECT
    trade_month,
    symbol,
    sessions,
    volume,
    sum(volume) OVER (PARTITION BY trade_month) AS volume_of_all,
    row_number() OVER (PARTITION BY trade_month ORDER BY volume DESC, symbol) AS place,
    dense_rank() OVER (ORDER BY trade_month DESC) AS month_recency
  FROM (
    SELECT
      CAST(date_trunc('month', trade_date) AS date) AS trade_month,
      symbol,
      count(volume) AS sessions,
      sum(volume) AS volume
    FROM quotes_latest
    WHERE volume IS NOT NULL
    GROUP BY CAST(date_trunc('month', trade_date) AS date), symbol
  ) AS months
) AS placed
WHERE place <= 3
  AND month_recency <= 6
ORDER BY trade_month DESC, place
