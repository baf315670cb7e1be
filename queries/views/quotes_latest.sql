-- The newest record of each quote.
-- Grain: one row per symbol, series, bar, instant, seq and simulated; see quotes_timed for bar,
-- instant and seq of records that lack them.
-- Repeats: a feed may send a row again, unchanged or corrected. The record that was sent last
-- wins; of records sent in the same millisecond, the one with the highest generation, partition
-- and offset.
CREATE OR REPLACE VIEW quotes_latest AS
SELECT
  symbol,
  series,
  trade_date,
  bar,
  traded_at,
  zone,
  instant,
  seq,
  simulated,
  open,
  high,
  low,
  close,
  adj_close,
  volume,
  close_usd,
  bid,
  ask,
  kafka_timestamp,
  kafka_generation,
  kafka_partition,
  kafka_offset,
  dt
FROM (
  SELECT
    *,
    lag(quote) OVER (
      PARTITION BY symbol
      ORDER BY
        quote,
        kafka_timestamp DESC NULLS LAST,
        coalesce(kafka_generation, 0) DESC,
        kafka_partition DESC,
        kafka_offset DESC
    ) AS quote_before
  FROM (
    SELECT
      *,
      concat(
        bar, ' ', instant, ' ', CAST(seq AS varchar), ' ', CAST(simulated AS varchar), ' ',
        coalesce(series, '')
      ) AS quote
    FROM quotes_timed
  ) AS identified
) AS ranked
WHERE quote IS DISTINCT FROM quote_before
