-- The trading days of each symbol, from bars of any length and from ticks.
-- Grain: one row per symbol, series and trade_date.
-- Repeats: quotes_latest has each quote once, however often a row was sent.
-- A day is its 1d row if it has one, otherwise its finest bars or its ticks: first open, highest
-- high, lowest low, last close, total volume, and in bars how many there were. A row without open,
-- high and low counts with its close; a row with only bid and ask has no price. Rows of 1d and
-- longer are not added up: of several, the last one counts. Rows of 1w and 1mo stay as they are, on
-- their trade_date. Simulated rows count only where a day has no others.
CREATE OR REPLACE VIEW daily AS
SELECT
  symbol,
  series,
  trade_date,
  bar,
  simulated,
  bars,
  open,
  high,
  low,
  close,
  adj_close,
  volume,
  close_usd
FROM (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY symbol, series, trade_date ORDER BY simulated, fineness, bar
    ) AS choice
  FROM (
    SELECT
      symbol,
      series,
      trade_date,
      bar,
      simulated,
      fineness,
      CASE WHEN is_whole THEN 1 ELSE count(*) OVER earlier END AS bars,
      CASE WHEN is_whole THEN open ELSE first_value(open) IGNORE NULLS OVER earlier END AS open,
      CASE WHEN is_whole THEN high ELSE max(high) OVER earlier END AS high,
      CASE WHEN is_whole THEN low ELSE min(low) OVER earlier END AS low,
      CASE WHEN is_whole THEN close ELSE last_value(close) IGNORE NULLS OVER earlier END AS close,
      CASE
        WHEN is_whole THEN adj_close ELSE last_value(adj_close) IGNORE NULLS OVER earlier
      END AS adj_close,
      CASE WHEN is_whole THEN volume ELSE sum(volume) OVER earlier END AS volume,
      CASE
        WHEN is_whole THEN close_usd ELSE last_value(close_usd) IGNORE NULLS OVER earlier
      END AS close_usd,
      lead(bar) OVER (
        PARTITION BY symbol, series, trade_date, simulated, fineness, bar ORDER BY instant, seq
      ) IS NULL AS is_last
    FROM (
      SELECT
        symbol,
        series,
        trade_date,
        bar,
        simulated,
        instant,
        seq,
        fineness,
        fineness < 0 OR fineness >= 86400 AS is_whole,
        CASE WHEN is_price THEN close ELSE open END AS open,
        CASE WHEN is_price THEN close ELSE high END AS high,
        CASE WHEN is_price THEN close ELSE low END AS low,
        close,
        adj_close,
        volume,
        close_usd
      FROM (
        SELECT
          *,
          open IS NULL AND high IS NULL AND low IS NULL AS is_price,
          CASE
            WHEN bar = '1d' THEN -1
            WHEN bar = 'tick' THEN 0
            ELSE coalesce(
              CASE
                WHEN bar LIKE '%mo' THEN 2592000 * TRY_CAST(replace(bar, 'mo', '') AS bigint)
                WHEN bar LIKE '%s' THEN TRY_CAST(replace(bar, 's', '') AS bigint)
                WHEN bar LIKE '%m' THEN 60 * TRY_CAST(replace(bar, 'm', '') AS bigint)
                WHEN bar LIKE '%h' THEN 3600 * TRY_CAST(replace(bar, 'h', '') AS bigint)
                WHEN bar LIKE '%d' THEN 86400 * TRY_CAST(replace(bar, 'd', '') AS bigint)
                WHEN bar LIKE '%w' THEN 604800 * TRY_CAST(replace(bar, 'w', '') AS bigint)
              END,
              99999999999
            )
          END AS fineness
        FROM quotes_latest
      ) AS quotes_by_length
    ) AS prices
    WINDOW earlier AS (
      PARTITION BY symbol, series, trade_date, simulated, fineness, bar ORDER BY instant, seq
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    )
  ) AS totals
  WHERE is_last
) AS choices
WHERE choice = 1
