-- Which columns have missing values?
-- Grain: one row per symbol, series, bar and column with missing values, those with the most first,
-- at most 20; findings counts all missing values. Records without a symbol or a trade_date count
-- under these columns.
-- Repeats: quotes_latest has each quote once, however often a row was sent; a value that was
-- supplied later is not missing. Records without a symbol or a trade_date count as often as they
-- are stored.
-- A column that a symbol never has is not part of its feed, so it has no missing values. The
-- exception is close, which every symbol must have. A row with bid or ask and without close is a
-- quote: no other column is missing there, as bid and ask are missing in no other row.
WITH counted AS (
  SELECT
    symbol,
    series,
    bar,
    count(*) - count(quoted) AS trades,
    count(quoted) AS quoted,
    count(open) AS opens,
    count(high) AS highs,
    count(low) AS lows,
    count(close) AS closes,
    count(adj_close) AS adj_closes,
    count(volume) AS volumes,
    count(close_usd) AS closes_usd,
    count(bid) AS bids,
    count(ask) AS asks,
    min(CASE WHEN quoted IS NULL AND open IS NULL THEN trade_date END) AS first_open,
    min(CASE WHEN quoted IS NULL AND high IS NULL THEN trade_date END) AS first_high,
    min(CASE WHEN quoted IS NULL AND low IS NULL THEN trade_date END) AS first_low,
    min(CASE WHEN quoted IS NULL AND close IS NULL THEN trade_date END) AS first_close,
    min(CASE WHEN quoted IS NULL AND adj_close IS NULL THEN trade_date END) AS first_adj_close,
    min(CASE WHEN quoted IS NULL AND volume IS NULL THEN trade_date END) AS first_volume,
    min(CASE WHEN quoted IS NULL AND close_usd IS NULL THEN trade_date END) AS first_close_usd,
    min(CASE WHEN quoted IS NOT NULL AND bid IS NULL THEN trade_date END) AS first_bid,
    min(CASE WHEN quoted IS NOT NULL AND ask IS NULL THEN trade_date END) AS first_ask
  FROM (
    SELECT
      symbol,
      series,
      bar,
      trade_date,
      quoted,
      CASE WHEN quoted IS NULL THEN open END AS open,
      CASE WHEN quoted IS NULL THEN high END AS high,
      CASE WHEN quoted IS NULL THEN low END AS low,
      close,
      CASE WHEN quoted IS NULL THEN adj_close END AS adj_close,
      CASE WHEN quoted IS NULL THEN volume END AS volume,
      CASE WHEN quoted IS NULL THEN close_usd END AS close_usd,
      CASE WHEN quoted IS NOT NULL THEN bid END AS bid,
      CASE WHEN quoted IS NOT NULL THEN ask END AS ask
    FROM (
      SELECT
        symbol,
        series,
        bar,
        trade_date,
        CASE WHEN close IS NULL THEN coalesce(bid, ask) END AS quoted,
        open,
        high,
        low,
        close,
        adj_close,
        volume,
        close_usd,
        bid,
        ask
      FROM quotes_latest
    ) AS kinds
  ) AS cells
  GROUP BY symbol, series, bar
)
SELECT
  symbol,
  series,
  column_name,
  holes,
  records,
  first_hole,
  bar,
  sum(holes) OVER () AS findings
FROM (
  SELECT
    symbol,
    series,
    bar,
    column_name,
    records - cells AS holes,
    records,
    first_hole
  FROM (
    SELECT
      symbol,
      series,
      bar,
      column_name,
      CASE WHEN column_name IN ('bid', 'ask') THEN quoted ELSE trades END AS records,
      CASE column_name
        WHEN 'open' THEN opens
        WHEN 'high' THEN highs
        WHEN 'low' THEN lows
        WHEN 'close' THEN closes
        WHEN 'adj_close' THEN adj_closes
        WHEN 'volume' THEN volumes
        WHEN 'close_usd' THEN closes_usd
        WHEN 'bid' THEN bids
        WHEN 'ask' THEN asks
      END AS cells,
      CASE column_name
        WHEN 'open' THEN first_open
        WHEN 'high' THEN first_high
        WHEN 'low' THEN first_low
        WHEN 'close' THEN first_close
        WHEN 'adj_close' THEN first_adj_close
        WHEN 'volume' THEN first_volume
        WHEN 'close_usd' THEN first_close_usd
        WHEN 'bid' THEN first_bid
        WHEN 'ask' THEN first_ask
      END AS first_hole
    FROM counted
    CROSS JOIN (
      VALUES
        ('open'), ('high'), ('low'), ('close'), ('adj_close'), ('volume'), ('close_usd'),
        ('bid'), ('ask')
    ) AS numbers (column_name)
  ) AS columns_of_symbols
  WHERE cells > 0
    OR column_name = 'close'
  UNION ALL
  SELECT
    symbol,
    series,
    bar,
    CASE WHEN symbol IS NULL THEN 'symbol' ELSE 'trade_date' END AS column_name,
    count(*) AS holes,
    count(*) AS records,
    min(trade_date) AS first_hole
  FROM quotes
  WHERE symbol IS NULL
    OR trade_date IS NULL
  GROUP BY symbol, series, bar
) AS holes_of_columns
WHERE holes > 0
ORDER BY holes DESC, symbol, series, bar, column_name
LIMIT 20
