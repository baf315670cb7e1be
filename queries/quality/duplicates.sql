-- Is any bar or tick stored more than once?
-- Grain: one row per symbol, series, bar and instant stored more than once, the newest 20; findings
-- counts all of them. Ticks of one instant that a file has as separate rows are not repeats of each
-- other: the producer numbers them in seq.
-- Repeats: these are the findings, including rows that were sent twice on purpose and files that
-- were fed twice. sent counts the records in Kafka, stored the lines in the lake: if stored is
-- greater than sent, a redelivered batch was stored again. quotes_latest and the other saved
-- queries return the same rows either way. If closes is greater than 1, the records differ in
-- their close.
WITH repeated AS (
  SELECT
    *,
    row_number() OVER (
      ORDER BY instant, symbol DESC, series DESC NULLS FIRST, bar DESC, simulated DESC, tick DESC
    ) AS rank_from_oldest
  FROM (
    SELECT symbol, series, bar, instant, simulated, tick, count(*) AS stored
    FROM (
      SELECT
        symbol,
        series,
        bar,
        instant,
        simulated,
        CASE WHEN bar = 'tick' THEN seq ELSE 1 END AS tick
      FROM quotes_timed
    ) AS keys
    GROUP BY symbol, series, bar, instant, simulated, tick
    HAVING count(*) > 1
  ) AS counted
  ORDER BY rank_from_oldest DESC
  LIMIT 20
)
SELECT
  repeated.symbol,
  repeated.series,
  min(records.trade_date) AS trade_date,
  max(repeated.stored) AS stored,
  count(
    DISTINCT concat(
      CAST(coalesce(records.kafka_generation, 0) AS varchar), '/',
      CAST(records.kafka_partition AS varchar), '/',
      CAST(records.kafka_offset AS varchar)
    )
  ) AS sent,
  count(DISTINCT records.close) AS closes,
  repeated.bar,
  min(records.traded_at) AS traded_at,
  max(max(repeated.rank_from_oldest)) OVER () AS findings
FROM repeated
INNER JOIN quotes_timed AS records
  ON records.symbol = repeated.symbol
  AND coalesce(records.series, '') = coalesce(repeated.series, '')
  AND records.bar = repeated.bar
  AND records.instant = repeated.instant
  AND records.simulated = repeated.simulated
  AND CASE WHEN records.bar = 'tick' THEN records.seq ELSE 1 END = repeated.tick
GROUP BY
  repeated.symbol,
  repeated.series,
  repeated.bar,
  repeated.instant,
  repeated.simulated,
  repeated.tick
ORDER BY max(repeated.rank_from_oldest) DESC
LIMIT 20
