-- Why were records put into the quarantine?
-- Grain: one row per topic and kind of reason (what stands before its first colon), the most first,
-- 20 of them, each with the newest record as its example; findings counts the records of all.
-- Repeats: a record that was delivered again may be stored again; it is counted once, by generation,
-- partition and offset. The view quotes_latest has none of these records.
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
    count(*) OVER (PARTITION BY kafka_topic, kind) AS records,
    row_number() OVER (
      PARTITION BY kafka_topic, kind
      ORDER BY kafka_timestamp DESC, kafka_generation DESC, kafka_partition DESC, kafka_offset DESC
    ) AS place
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
WHERE place = 1
ORDER BY records DESC, kafka_topic, kind
LIMIT 20
