-- Which columns have holes?
-- Grain: one row per symbol and column with holes, the most first, 20 of them; findings counts all
-- holes. Records without a symbol or a trade_date come under these columns.
-- Repeats: quotes_latest holds each symbol and trade_date once, however often it was sent; a hole
-- that was filled later is none. Records without symbol or trade_date count as often as they came.
-- A column that a symbol never has is not part of its feed, so it has no holes; close always has.
SELECT
  symbol,
  column_name,
  holes,
  records,
  first_hole,
  sum(holes) OVER () AS findings
FROM (
  SELECT
    symbol,
    column_name,
    count(*) - count(cell) AS holes,
    count(*) AS records,
    min(CASE WHEN cell IS NULL THEN trade_date END) AS first_hole
  FROM (
    SELECT
      symbol,
      trade_date,
      column_name,
      CASE column_name
        WHEN 'open' THEN open
        WHEN 'high' THEN high
        WHEN 'low' THEN low
        WHEN 'close' THEN close
        WHEN 'adj_close' THEN adj_close
        WHEN 'volume' THEN volume
        WHEN 'close_usd' THEN close_usd
      END AS cell
    FROM quotes_latest
    CROSS JOIN (
      VALUES ('open'), ('high'), ('low'), ('close'), ('adj_close'), ('volume'), ('close_usd')
    ) AS numbers (column_name)
  ) AS cells
  GROUP BY symbol, column_name
  HAVING count(cell) > 0
    OR column_name = 'close'
  UNION ALL
  SELECT
    symbol,
    CASE WHEN symbol IS NULL THEN 'symbol' ELSE 'trade_date' END AS column_name,
    count(*) AS holes,
    count(*) AS records,
    min(trade_date) AS first_hole
  FROM quotes
  WHERE symbol IS NULL
    OR trade_date IS NULL
  GROUP BY symbol
) AS columns_of_symbols
WHERE holes > 0
ORDER BY holes DESC, symbol, column_name
LIMIT 20
