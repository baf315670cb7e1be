-- Is any session stored more than once?
-- Grain: one row per symbol and trade_date that is, the newest 20; findings counts them all.
-- Repeats: they are what is asked for. A row that was sent twice on purpose, or a file that was fed
-- twice, shows here too: sent counts the records in Kafka, stored the lines in the lake, and stored
-- above sent means that a batch was delivered again. quotes_latest and the other saved queries give
-- the same answers either way. A closes above 1 says that the records differ in their close.
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
