-- Which sessions are missing between a symbol's first and last?
-- Grain: one row per gap, identified by the symbol, the series and the session before it, the
-- newest 20; findings counts all gaps. Rows of 1w and 1mo are not sessions.
-- Repeats: daily has one row per symbol, series and trade_date, however often a row was sent, so
-- the previous row is the previous session.
-- There is no holiday calendar: the symbols serve as calendars for each other. A day counts as a
-- session if at least half of the symbols whose first and last day enclose it traded on it. A
-- symbol with more than 5 gaps in these sessions, and with more than one gap per 100 sessions,
-- observes other holidays and is not compared with the others (in its first months it can appear
-- here until it has that many gaps). For such a symbol, and for a lone one, only more than 21 days
-- between two sessions are a gap: no holiday closure is that long (Shanghai's in 2000 lasted 17
-- days). So a day that a lone symbol lacks, or that most symbols lack, counts as a holiday.
WITH sessions AS (
  SELECT
    symbol,
    series,
    trade_date,
    lag(trade_date) OVER (PARTITION BY symbol, series ORDER BY trade_date) AS session_before,
    lead(trade_date) OVER (PARTITION BY symbol, series ORDER BY trade_date) AS session_after
  FROM daily
  WHERE bar NOT LIKE '%w'
    AND bar NOT LIKE '%mo'
),
days AS (
  SELECT
    trade_date,
    count(*) AS traded,
    count(*) - count(session_before) AS first_sessions,
    count(*) - count(session_after) AS last_sessions
  FROM sessions
  GROUP BY trade_date
),
listings AS (
  SELECT
    trade_date,
    traded,
    sum(first_sessions - last_sessions) OVER (
      ORDER BY trade_date ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) + last_sessions AS listed
  FROM days
),
numbered AS (
  SELECT
    trade_date,
    2 * traded >= listed AS is_session,
    count(CASE WHEN 2 * traded >= listed THEN 1 END) OVER (
      ORDER BY trade_date ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS session_no
  FROM listings
),
calendar AS (
  SELECT
    trade_date,
    is_session,
    session_no,
    min(CASE WHEN is_session THEN trade_date END) OVER (
      ORDER BY trade_date DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS next_session
  FROM numbered
),
-- From each session of a symbol to its next one.
steps AS (
  SELECT
    symbol,
    series,
    trade_date,
    session_before,
    session_after,
    next_session,
    session_no,
    CASE WHEN is_session THEN session_no - 1 ELSE session_no END AS sessions_earlier,
    CASE WHEN is_session_after THEN session_no_after - 1 ELSE session_no_after END
      - session_no AS sessions_missing
  FROM (
    SELECT
      sessions.*,
      calendar.is_session,
      calendar.session_no,
      calendar.next_session,
      lead(calendar.is_session) OVER (
        PARTITION BY sessions.symbol, sessions.series ORDER BY sessions.trade_date
      ) AS is_session_after,
      lead(calendar.session_no) OVER (
        PARTITION BY sessions.symbol, sessions.series ORDER BY sessions.trade_date
      ) AS session_no_after
    FROM calendar
    INNER JOIN sessions ON sessions.trade_date = calendar.trade_date
  ) AS numbered_sessions
),
-- Of each symbol, its gaps and its first and last session.
counted AS (
  SELECT
    *,
    first_value(sessions_earlier) OVER (
      PARTITION BY symbol, series ORDER BY trade_date
    ) AS sessions_before_first,
    first_value(session_no) OVER (
      PARTITION BY symbol, series ORDER BY trade_date DESC
    ) AS sessions_to_last,
    count(CASE WHEN sessions_missing > 0 THEN 1 END) OVER (
      PARTITION BY symbol, series ORDER BY trade_date
    ) AS gaps_up_to_this,
    count(CASE WHEN sessions_missing > 0 THEN 1 END) OVER (
      PARTITION BY symbol, series ORDER BY trade_date DESC
    ) AS gaps_from_this
  FROM steps
  WHERE sessions_missing > 0
    OR session_after > trade_date + INTERVAL '21' DAY
    OR session_before IS NULL
    OR session_after IS NULL
),
judged AS (
  SELECT
    *,
    coalesce(
      sessions_missing > 0
      AND (
        gaps_of_symbol <= 5
        OR 100 * gaps_of_symbol <= sessions_to_last - sessions_before_first
      ),
      FALSE
    ) AS is_gap
  FROM (
    SELECT
      *,
      gaps_up_to_this + gaps_from_this - CASE WHEN sessions_missing > 0 THEN 1 ELSE 0 END
        AS gaps_of_symbol
    FROM counted
  ) AS gaps_by_symbol
)
SELECT
  symbol,
  series,
  trade_date AS session_before,
  CASE WHEN is_gap THEN next_session END AS first_missing,
  CASE WHEN is_gap THEN sessions_missing END AS sessions_missing,
  session_after,
  max(rank_from_oldest) OVER () AS findings
FROM (
  SELECT
    *,
    row_number() OVER (
      ORDER BY trade_date, symbol DESC, series DESC NULLS FIRST
    ) AS rank_from_oldest
  FROM judged
  WHERE is_gap
    OR session_after > trade_date + INTERVAL '21' DAY
  ORDER BY rank_from_oldest DESC
  LIMIT 20
) AS newest
ORDER BY rank_from_oldest DESC
LIMIT 20
