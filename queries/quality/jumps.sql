-- Which prices jump further than any market does?
-- Grain: one row per symbol and trade_date that does, the farthest 20; findings counts them all. A
-- price that slipped once is two findings: the jump there and the jump back.
-- Repeats: quotes_latest holds each symbol and trade_date once, however often it was sent, so the
-- row before is the session before.
-- A finding is beyond 40 sigma of the symbol's own daily change, and more than double or less than
-- half of the price before. Sigma is 1.4826 times the median of the absolute log changes, which the
-- jumps themselves hardly move, as they would a standard deviation. Real markets have reached 35
-- sigma (the Hang Seng on 1987-10-26, -33 %) and less than half (Apple on 2000-09-29, -52 %, 34
-- sigma); a decimal point that slips by one place is beyond 40 where sigma is below 5.7 % a day.
-- Prices are adjusted where the feed has them, so that a split is not taken for a slip; where it has
-- none, a large split may show here. A close that slips beside a right adj_close is found by
-- outside_low_high.
WITH prices AS (
  SELECT symbol, trade_date, coalesce(adj_close, close) AS price
  FROM quotes_latest
),
changes AS (
  SELECT
    symbol,
    trade_date,
    price,
    lag(price) OVER (PARTITION BY symbol ORDER BY trade_date) AS price_before
  FROM prices
  WHERE price > 0
),
sizes AS (
  SELECT
    symbol,
    trade_date,
    price,
    price_before,
    abs(ln(price / price_before)) AS size
  FROM changes
  WHERE price_before IS NOT NULL
),
ranked AS (
  SELECT
    symbol,
    size,
    row_number() OVER (PARTITION BY symbol ORDER BY size, trade_date) AS place,
    count(*) OVER (PARTITION BY symbol) AS places
  FROM sizes
),
sigmas AS (
  SELECT symbol, 1.4826 * size AS sigma
  FROM ranked
  WHERE place = (places + 1) / 2
)
SELECT
  sizes.symbol,
  sizes.trade_date,
  sizes.price_before,
  sizes.price,
  round(sizes.size / nullif(sigmas.sigma, 0), 1) AS sigmas,
  count(*) OVER () AS findings
FROM sizes
INNER JOIN sigmas ON sigmas.symbol = sizes.symbol
WHERE sizes.size > 40 * sigmas.sigma
  AND sizes.size > ln(2)
ORDER BY sizes.size DESC, sizes.trade_date, sizes.symbol
LIMIT 20
