-- Why were records quarantined?
-- Grain: one row per topic and kind of reason (the text before its first colon), the most frequent
-- first, at most 20, each with its newest record as an example; findings counts all quarantined
-- records.
-- Repeats: a redelivered record may be stored again; it is counted once, by generation, partition
-- and offset. The view quotes_latest contains none of these records.
SELECT
  kafka_topic,
  kind,
  records,
  reason AS newest_reason,
  kafka_generation,
  kafka_partition,
  kafka_offset,
  sum(records) OVER () AS findings
FROM (
  SELECT
    kafka_topic,
    kind,
    reason,
    kafka_generation,
    kafka_partition,
    kafka_offset,
    row_number() OVER (
      PARTITION BY kafka_topic, kind
      ORDER BY kafka_timestamp, kafka_generation, kafka_partition, kafka_offset, reason
    ) AS records,
    lead(kind) OVER (
      PARTITION BY kafka_topic, kind
      ORDER BY kafka_timestamp, kafka_generation, kafka_partition, kafka_offset, reason
    ) IS NULL AS is_newest
  FROM (
    SELECT DISTINCT
      kafka_topic,
      split_part(reason, ':', 1) AS kind,
      reason,
      kafka_timestamp,
      coalesce(kafka_generation, 0) AS kafka_generation,
      kafka_partition,
      kafka_offset
    FROM quarantine
  ) AS put_aside
) AS ranked
WHERE is_newest
ORDER BY records DESC, kafka_topic, kind
LIMIT 20
