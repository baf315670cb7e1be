-- Adds to quotes_history the records of quotes that it has not.
-- Repeats: run again, or late, it adds nothing twice and misses nothing. A record is known by topic,
-- generation, partition and offset, never by being beyond the greatest offset: partitions, days and
-- redriven records come in any order.
-- One that stands in two objects, a copied one say, is added once. Its dt follows from the record, and
-- is compared only so that files of other days need not be read.
-- Objects are created once and never changed, so what was stored up to a day before the newest
-- object that is merged is merged. The day is for objects that became visible while a merge ran.
MERGE INTO quotes_history AS history
USING (
  SELECT *
  FROM (
    SELECT
      '${Topic}' AS kafka_topic,
      kafka_partition,
      kafka_offset,
      kafka_timestamp,
      kafka_generation,
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
      dt,
      CAST("$file_modified_time" AT TIME ZONE 'UTC' AS timestamp(6)) AS stored_at,
      row_number() OVER (
        PARTITION BY coalesce(kafka_generation, 0), kafka_partition, kafka_offset
        ORDER BY "$file_modified_time", "$path"
      ) AS place
    FROM quotes
    WHERE "$file_modified_time" >= (
      SELECT
        CAST(
          with_timezone(
            coalesce(max(stored_at), TIMESTAMP '1970-01-02 00:00:00.000000') - INTERVAL '1' DAY,
            'UTC'
          ) AS timestamp(3) with time zone
        )
      FROM quotes_history
    )
  ) AS records
  WHERE place = 1
) AS stored
ON history.dt = stored.dt
  AND history.kafka_topic = stored.kafka_topic
  AND coalesce(history.kafka_generation, 0) = coalesce(stored.kafka_generation, 0)
  AND history.kafka_partition = stored.kafka_partition
  AND history.kafka_offset = stored.kafka_offset
WHEN NOT MATCHED THEN INSERT (
  kafka_topic,
  kafka_partition,
  kafka_offset,
  kafka_timestamp,
  kafka_generation,
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
  dt,
  stored_at
) VALUES (
  stored.kafka_topic,
  stored.kafka_partition,
  stored.kafka_offset,
  stored.kafka_timestamp,
  stored.kafka_generation,
  stored.symbol,
  stored.trade_date,
  stored.traded_at,
  stored.open,
  stored.high,
  stored.low,
  stored.close,
  stored.adj_close,
  stored.volume,
  stored.close_usd,
  stored.dt,
  stored.stored_at
)
