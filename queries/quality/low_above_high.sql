-- Is any low above its high?
-- Grain: one row per bar or tick whose low is above its high, the newest 20; findings counts all of
-- them.
-- Repeats: quotes_latest has each quote once, however often a row was sent; a row that was
-- corrected later is not a finding.
SELECT
  symbol,
  series,
  trade_date,
  low,
  high,
  bar,
  traded_at,
  max(rank_from_oldest) OVER () AS findings
FROM (
  SELECT
    *,
    row_number() OVER (
      ORDER BY instant, symbol DESC, series DESC NULLS FIRST, bar DESC, seq DESC, simulated DESC
    ) AS rank_from_oldest
  FROM quotes_latest
  WHERE low > high
  ORDER BY rank_from_oldest DESC
  LIMIT 20
) AS newest
ORDER BY rank_from_oldest DESC
LIMIT 20
