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
    lag(trade_date) OVER choices AS date_before,
    lag(series) OVER choices AS series_before
  FROM (
    SELECT
      symbol,
      series,
      trade_date,
      bar,
      simulated,
      fineness,
      row_instant,
      row_seq,
      count(*) AS bars,
      CASE
        WHEN row_seq IS NULL THEN TRY_CAST(split_part(min(open_in_order), '=', 2) AS double)
        ELSE max(open)
      END AS open,
      max(high) AS high,
      min(low) AS low,
      CASE
        WHEN row_seq IS NULL THEN TRY_CAST(split_part(max(close_in_order), '=', 2) AS double)
        ELSE max(close)
      END AS close,
      CASE
        WHEN row_seq IS NULL THEN TRY_CAST(split_part(max(adj_close_in_order), '=', 2) AS double)
        ELSE max(adj_close)
      END AS adj_close,
      sum(volume) AS volume,
      CASE
        WHEN row_seq IS NULL THEN TRY_CAST(split_part(max(close_usd_in_order), '=', 2) AS double)
        ELSE max(close_usd)
      END AS close_usd
    FROM (
      SELECT
        symbol,
        series,
        trade_date,
        bar,
        simulated,
        fineness,
        CASE WHEN is_whole THEN instant END AS row_instant,
        CASE WHEN is_whole THEN seq END AS row_seq,
        open,
        high,
        low,
        close,
        adj_close,
        volume,
        close_usd,
        CASE
          WHEN NOT is_whole AND open IS NOT NULL THEN concat(place, CAST(open AS varchar))
        END AS open_in_order,
        CASE
          WHEN NOT is_whole AND close IS NOT NULL THEN concat(place, CAST(close AS varchar))
        END AS close_in_order,
        CASE
          WHEN NOT is_whole AND adj_close IS NOT NULL THEN concat(place, CAST(adj_close AS varchar))
        END AS adj_close_in_order,
        CASE
          WHEN NOT is_whole AND close_usd IS NOT NULL THEN concat(place, CAST(close_usd AS varchar))
        END AS close_usd_in_order
      FROM (
        SELECT
          *,
          fineness < 0 OR fineness >= 86400 AS is_whole,
          concat(replace(instant, '=', ' '), ' ', lpad(CAST(seq AS varchar), 19, '0'), '=') AS place
        FROM (
          SELECT
            symbol,
            series,
            trade_date,
            bar,
            instant,
            seq,
            simulated,
            CASE
              WHEN open IS NULL AND high IS NULL AND low IS NULL THEN close
              ELSE open
            END AS open,
            CASE
              WHEN open IS NULL AND high IS NULL AND low IS NULL THEN close
              ELSE high
            END AS high,
            CASE
              WHEN open IS NULL AND high IS NULL AND low IS NULL THEN close
              ELSE low
            END AS low,
            close,
            adj_close,
            volume,
            close_usd,
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
        ) AS prices
      ) AS placed
    ) AS ordered
    GROUP BY symbol, series, trade_date, bar, simulated, fineness, row_instant, row_seq
  ) AS days_by_bar
  WINDOW choices AS (
    PARTITION BY symbol
    ORDER BY series, trade_date, simulated, fineness, bar, row_instant DESC, row_seq DESC
  )
) AS ranked
WHERE (trade_date IS DISTINCT FROM date_before)
  OR (series IS DISTINCT FROM series_before)
