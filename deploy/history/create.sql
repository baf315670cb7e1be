-- The permanent table of all quotes: Parquet, by year of the trade date, each record once.
-- Grain: one row per record, identified by topic, generation, partition and offset.
-- stored_at is the time (UTC) at which the record's object was stored; merge.sql resumes there.
CREATE TABLE IF NOT EXISTS quotes_history (
  kafka_topic string,
  kafka_partition int,
  kafka_offset bigint,
  kafka_timestamp bigint,
  kafka_generation int,
  symbol string,
  trade_date date,
  traded_at string,
  open double,
  high double,
  low double,
  close double,
  adj_close double,
  volume double,
  close_usd double,
  bar string,
  zone string,
  series string,
  seq bigint,
  simulated boolean,
  bid double,
  ask double,
  dt string,
  stored_at timestamp
)
PARTITIONED BY (year(trade_date))
LOCATION 's3://${Lake}/history/${Database}/quotes/'
TBLPROPERTIES (
  'table_type' = 'ICEBERG',
  'format' = 'parquet',
  'write_compression' = 'zstd'
)
