-- Does any bar open or close outside the range from its low to its high?
-- Grain: one row per bar or tick and price outside the range, the newest 20; findings counts all of
-- them. A bar whose low is above its high is a finding of low_above_high, not of this query.
-- Repeats: quotes_latest has each quote once, however often a row was sent; a row that was
-- corrected later is not a finding.
SELECT
  symbol,
  series,
  trade_date,
  column_name,
  price,
  low,
  high,
  bar,
  traded_at,
  max(rank_from_oldest) OVER () AS findings
FROM (
  SELECT
    *,
    row_number() OVER (
      ORDER BY
        instant,
        symbol DESC,
        series DESC NULLS FIRST,
        bar DESC,
        seq DESC,
        simulated DESC,
        column_name DESC
    ) AS rank_from_oldest
  FROM (
    SELECT
      *,
      CASE column_name WHEN 'open' THEN open ELSE close END AS price
    FROM quotes_latest
    CROSS JOIN (VALUES ('open'), ('close')) AS prices (column_name)
    WHERE coalesce(low <= high, TRUE)
      AND (open < low OR open > high OR close < low OR close > high)
  ) AS bars_outside
  WHERE price < low
    OR price > high
  ORDER BY rank_from_oldest DESC
  LIMIT 20
) AS newest
ORDER BY rank_from_oldest DESC
LIMIT 20
