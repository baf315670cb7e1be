-- Which price changes are larger than those of any real market?
-- Grain: one row per symbol and trade_date, the 20 largest changes; findings counts all of them. A
-- price that is wrong once makes two findings: the jump and the jump back.
-- Repeats: quotes_latest has one row per symbol and trade_date, however often a row was sent, so
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
