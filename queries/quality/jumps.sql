-- Which price changes are larger than those of any real market?
-- Grain: one row per symbol, series and trade_date, the 20 largest changes; findings counts all of
-- them. A price that is wrong once makes two findings: the jump and the jump back.
-- Repeats: daily has one row per symbol, series and trade_date, however often a row was sent, so
-- the previous row is the previous session.
-- A finding is a change of more than 40 sigma of the symbol's own daily changes that also more
-- than doubles or halves the price. Sigma is 1.4826 times the median of the absolute log changes;
-- the jumps themselves hardly affect it, unlike a standard deviation. Real markets have reached 35
-- sigma (the Hang Seng on 1987-10-26, -33 %) and a loss of more than half (Apple on 2000-09-29,
-- -52 %, 34 sigma). A decimal point that slips by one place exceeds 40 sigma if sigma is below
-- 5.7 % a day.
-- Prices are adjusted where the feed has adjusted prices, so that a split does not count as an
-- error; without them, a large split can appear here. outside_low_high finds a wrong close beside
-- a correct adj_close.
WITH prices AS (
  SELECT symbol, series, trade_date, coalesce(adj_close, close) AS price
  FROM daily
),
changes AS (
  SELECT
    symbol,
    series,
    trade_date,
    price,
    lag(price) OVER (PARTITION BY symbol, series ORDER BY trade_date) AS price_before
  FROM prices
  WHERE price > 0
),
sizes AS (
  SELECT
    symbol,
    series,
    trade_date,
    price,
    price_before,
    abs(ln(price / price_before)) AS size
  FROM changes
  WHERE price_before IS NOT NULL
),
places AS (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY symbol, series ORDER BY size DESC, trade_date DESC
    ) AS place_from_largest
  FROM sizes
),
ranked AS (
  SELECT
    *,
    row_number() OVER (PARTITION BY symbol, series ORDER BY size, trade_date) AS place
  FROM places
),
-- The median has as many changes before it as after it, or one less. Larger changes follow it.
measured AS (
  SELECT
    *,
    1.4826 * max(CASE WHEN place_from_largest - place IN (0, 1) THEN size END) OVER (
      PARTITION BY symbol, series ORDER BY size, trade_date
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS sigma
  FROM ranked
)
SELECT
  symbol,
  series,
  trade_date,
  price_before,
  price,
  round(size / nullif(sigma, 0), 1) AS sigmas,
  count(*) OVER () AS findings
FROM measured
WHERE size > 40 * sigma
  AND size > ln(2)
ORDER BY size DESC, trade_date, symbol, series
LIMIT 20
