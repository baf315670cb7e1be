-- Adds to quotes_history the records of quotes that it does not contain yet.
-- Repeats: running it again, or late, adds nothing twice and misses nothing. A record is
-- identified by topic, generation, partition and offset, not by an offset above the greatest
-- merged one: partitions, days and redriven records arrive in any order.
-- A record in two objects, for example in a copied one, is added once. Its dt follows from the
-- record; comparing it only avoids reading the files of other days.
-- Objects are created once and never changed, so each merge reads the objects that were stored
-- after the newest merged object, or up to one day before it. The day is for objects that became
-- visible while a merge was running.
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
      bar,
      zone,
      series,
      seq,
      simulated,
      bid,
      ask,
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
  bar,
  zone,
  series,
  seq,
  simulated,
  bid,
  ask,
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
  stored.bar,
  stored.zone,
  stored.series,
  stored.seq,
  stored.simulated,
  stored.bid,
  stored.ask,
  stored.dt,
  stored.stored_at
)
