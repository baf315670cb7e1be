-- How does each symbol's close compare with its 20- and 50-session averages?
-- Grain: one row per symbol, series and trade_date, for the last five sessions of each.
-- Repeats: daily has one row per symbol, series and trade_date, however often a row was sent, so a
-- window of 20 rows is 20 sessions.
-- An average is null until its window is full. Sums use decimal arithmetic, which is exact: an
-- average does not depend on the order in which a window is added up.
SELECT
  symbol,
  series,
  trade_date,
  close,
  CASE WHEN closes_20 = 20 THEN round(CAST(sum_20 AS double) / 20, 4) END AS avg_20,
  CASE WHEN closes_50 = 50 THEN round(CAST(sum_50 AS double) / 50, 4) END AS avg_50,
  CASE
    WHEN closes_20 < 20 OR closes_50 < 50 THEN NULL
    WHEN CAST(sum_20 AS double) / 20 > CAST(sum_50 AS double) / 50 THEN 'rising'
    WHEN CAST(sum_20 AS double) / 20 < CAST(sum_50 AS double) / 50 THEN 'falling'
    ELSE 'flat'
  END AS trend
FROM (
  SELECT
    symbol,
    series,
    trade_date,
    close,
    row_number() OVER (PARTITION BY symbol, series ORDER BY trade_date DESC) AS recency,
    count(close) OVER (
      PARTITION BY symbol, series ORDER BY trade_date ROWS BETWEEN 19 PRECEDING AND CURRENT ROW
    ) AS closes_20,
    sum(TRY_CAST(close AS decimal(38, 6))) OVER (
      PARTITION BY symbol, series ORDER BY trade_date ROWS BETWEEN 19 PRECEDING AND CURRENT ROW
    ) AS sum_20,
    count(close) OVER (
      PARTITION BY symbol, series ORDER BY trade_date ROWS BETWEEN 49 PRECEDING AND CURRENT ROW
    ) AS closes_50,
    sum(TRY_CAST(close AS decimal(38, 6))) OVER (
      PARTITION BY symbol, series ORDER BY trade_date ROWS BETWEEN 49 PRECEDING AND CURRENT ROW
    ) AS sum_50
  FROM daily
) AS sessions
WHERE recency <= 5
ORDER BY symbol, series, trade_date DESC
