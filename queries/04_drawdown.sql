-- What was each symbol's maximum drawdown, and how far below its peak is it now?
-- Grain: one row per symbol and series, in adjusted prices where the feed has them.
-- Repeats: daily has one row per symbol, series and trade_date, however often a row was sent, so
-- sessions can be counted. Of equal drawdowns, the first is shown; of equal peaks before it, the
-- last.
WITH prices AS (
  SELECT
    symbol,
    series,
    trade_date,
    coalesce(adj_close, close) AS price
  FROM daily
),
peaks AS (
  SELECT
    symbol,
    series,
    trade_date,
    price,
    row_number() OVER (PARTITION BY symbol, series ORDER BY trade_date) AS session_no,
    max(price) OVER (
      PARTITION BY symbol, series ORDER BY trade_date
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS peak
  FROM prices
  WHERE price > 0
),
falls AS (
  SELECT
    symbol,
    series,
    trade_date,
    price,
    session_no,
    peak,
    price / peak - 1 AS fall,
    max(CASE WHEN price = peak THEN trade_date END) OVER (
      PARTITION BY symbol, series ORDER BY trade_date
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS peak_date,
    max(CASE WHEN price = peak THEN session_no END) OVER (
      PARTITION BY symbol, series ORDER BY trade_date
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS peak_no
  FROM peaks
),
placed AS (
  SELECT
    symbol,
    series,
    trade_date,
    price,
    session_no,
    peak,
    fall,
    peak_date,
    peak_no,
    row_number() OVER (PARTITION BY symbol, series ORDER BY fall, trade_date) AS depth,
    first_value(fall) OVER (PARTITION BY symbol, series ORDER BY trade_date DESC) AS newest_fall
  FROM falls
)
SELECT
  symbol,
  series,
  peak_date,
  trade_date AS trough_date,
  session_no - peak_no AS sessions_down,
  round(peak, 4) AS peak,
  round(price, 4) AS trough,
  round(100 * fall, 2) AS drawdown_pct,
  round(100 * newest_fall, 2) AS now_pct
FROM placed
WHERE depth = 1
ORDER BY drawdown_pct, symbol, series
