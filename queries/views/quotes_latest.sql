-- The newest record of each symbol and trade_date.
-- Grain: one row per symbol and trade_date.
-- Repeats: a feed may send a row again, unchanged or corrected. The record that was sent last
-- wins; of records sent in the same millisecond, the one with the highest generation, partition
-- and offset.
CREATE OR REPLACE VIEW quotes_latest AS
SELECT
  symbol,
  trade_date,
  traded_at,
  open,
  high,
  low,
  close,
  adj_close,
  volume,
  close_usd,
  kafka_timestamp,
  kafka_generation,
  kafka_partition,
  kafka_offset,
  dt
FROM (
  SELECT
    symbol,
    trade_date,
    traded_at,
    open,
    high,
    low,
    close,
    adj_close,
    volume,
    close_usd,
    kafka_timestamp,
    kafka_generation,
    kafka_partition,
    kafka_offset,
    dt,
    row_number() OVER (
      PARTITION BY symbol, trade_date
      ORDER BY
        kafka_timestamp DESC NULLS LAST,
        coalesce(kafka_generation, 0) DESC,
        kafka_partition DESC,
        kafka_offset DESC
    ) AS place
  FROM quotes
  WHERE symbol IS NOT NULL
    AND trade_date IS NOT NULL
) AS ranked
WHERE place = 1
