-- Which columns have missing values?
-- Grain: one row per symbol and column with missing values, those with the most first, at most 20;
-- findings counts all missing values. Records without a symbol or a trade_date count under these
-- columns.
-- Repeats: quotes_latest has one row per symbol and trade_date, however often a row was sent; a
-- value that was supplied later is not missing. Records without a symbol or a trade_date count as
-- often as they are stored.
-- A column that a symbol never has is not part of its feed, so it has no missing values. The
-- exception is close, which every symbol must have.
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
