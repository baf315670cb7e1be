-- Which sessions are missing between a symbol's first and last?
-- Grain: one row per gap, identified by the symbol and the session before it, the newest 20;
-- findings counts all gaps.
-- Repeats: quotes_latest has one row per symbol and trade_date, however often a row was sent, so
-- the previous row is the previous session.
-- There is no holiday calendar: the symbols serve as calendars for each other. A day counts as a
-- session if at least half of the symbols whose first and last day enclose it traded on it. A
-- symbol with more than 5 gaps in these sessions, and with more than one gap per 100 sessions,
-- observes other holidays and is not compared with the others (in its first months it can appear
-- here until it has that many gaps). For such a symbol, and for a lone one, only more than 21 days
-- between two sessions are a gap: no holiday closure is that long (Shanghai's in 2000 lasted 17
-- days). So a day that a lone symbol lacks, or that most symbols lack, counts as a holiday.
WITH spans AS (
  SELECT
    symbol,
    min(trade_date) AS first_session,
    max(trade_date) AS last_session
  FROM quotes_latest
  GROUP BY symbol
),
days AS (
  SELECT trade_date, count(*) AS traded
  FROM quotes_latest
  GROUP BY trade_date
),
expected AS (
  SELECT
    spans.symbol,
    days.trade_date,
    days.traded,
    count(*) OVER (PARTITION BY days.trade_date) AS listed
  FROM days
  INNER JOIN spans
    ON days.trade_date >= spans.first_session
    AND days.trade_date <= spans.last_session
),
seen AS (
  SELECT
    expected.symbol,
    expected.trade_date,
    2 * expected.traded >= expected.listed AS is_session,
    own.symbol IS NULL AS is_missing,
    max(own.trade_date) OVER (
      PARTITION BY expected.symbol ORDER BY expected.trade_date
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS session_before
  FROM expected
  LEFT JOIN quotes_latest AS own
    ON own.symbol = expected.symbol
    AND own.trade_date = expected.trade_date
),
judged AS (
  SELECT
    symbol,
    trade_date,
    is_missing,
    session_before,
    count(*) OVER (PARTITION BY symbol) AS sessions
  FROM seen
  WHERE is_session
),
gaps AS (
  SELECT
    symbol,
    session_before,
    count(*) AS sessions_missing,
    min(trade_date) AS first_missing,
    max(sessions) AS sessions
  FROM judged
  WHERE is_missing
  GROUP BY symbol, session_before
),
counted AS (
  SELECT
    symbol,
    session_before,
    sessions_missing,
    first_missing,
    sessions,
    count(*) OVER (PARTITION BY symbol) AS gaps_of_symbol
  FROM gaps
),
missing AS (
  SELECT symbol, session_before, sessions_missing, first_missing
  FROM counted
  WHERE gaps_of_symbol <= 5
    OR 100 * gaps_of_symbol <= sessions
),
steps AS (
  SELECT
    symbol,
    trade_date AS session_before,
    lead(trade_date) OVER (PARTITION BY symbol ORDER BY trade_date) AS session_after
  FROM quotes_latest
)
SELECT
  steps.symbol,
  steps.session_before,
  missing.first_missing,
  missing.sessions_missing,
  steps.session_after,
  count(*) OVER () AS findings
FROM steps
LEFT JOIN missing
  ON missing.symbol = steps.symbol
  AND missing.session_before = steps.session_before
WHERE missing.symbol IS NOT NULL
  OR steps.session_after > steps.session_before + INTERVAL '21' DAY
ORDER BY steps.session_before DESC, steps.symbol
LIMIT 20
