-- Is any session stored more than once?
-- Grain: one row per symbol and trade_date stored more than once, the newest 20; findings counts
-- all of them.
-- Repeats: these are the findings, including rows that were sent twice on purpose and files that
-- were fed twice. sent counts the records in Kafka, stored the lines in the lake: if stored is
-- greater than sent, a redelivered batch was stored again. quotes_latest and the other saved
-- queries return the same rows either way. If closes is greater than 1, the records differ in
-- their close.
SELECT
  symbol,
  trade_date,
  count(*) AS stored,
  count(
    DISTINCT concat(
      CAST(coalesce(kafka_generation, 0) AS varchar), '/',
      CAST(kafka_partition AS varchar), '/',
      CAST(kafka_offset AS varchar)
    )
  ) AS sent,
  count(DISTINCT close) AS closes,
  count(*) OVER () AS findings
FROM quotes
WHERE symbol IS NOT NULL
  AND trade_date IS NOT NULL
GROUP BY symbol, trade_date
HAVING count(*) > 1
ORDER BY trade_date DESC, symbol
LIMIT 20
