-- Every record of a quote, with the time and the length of its bar in one form.
-- Grain: one row per stored record that has a symbol and a trade_date.
-- Repeats: a record that was sent or stored more than once appears as often; quotes_latest has each
-- quote once.
-- A record without bar counts as 1d if it has no time of day, otherwise as a tick; one without seq
-- is the first of its instant. instant is text that sorts by time, such as
-- 2024-01-02 14:30:00.000000: traded_at in UTC if the record gives a zone or an offset, otherwise
-- as written; without a time of day it is midnight of trade_date. A traded_at in another form is
-- kept as written after trade_date, so that its records stay apart.
CREATE OR REPLACE VIEW quotes_timed AS
SELECT
  symbol,
  series,
  trade_date,
  bar,
  traded_at,
  CASE WHEN utc_offset IS NOT NULL AND is_time THEN 'UTC' ELSE zone END AS zone,
  CASE
    WHEN traded_at IS NULL THEN concat(CAST(trade_date AS varchar), ' 00:00:00.000000')
    WHEN is_time THEN concat(
      CAST(
        CAST(
          CASE
            WHEN utc_minute < 0 THEN written_date - INTERVAL '1' DAY
            WHEN utc_minute >= 1440 THEN written_date + INTERVAL '1' DAY
            ELSE written_date
          END AS date
        ) AS varchar
      ),
      ' ',
      lpad(CAST((utc_minute + 1440) % 1440 / 60 AS varchar), 2, '0'),
      ':',
      lpad(CAST((utc_minute + 1440) % 60 AS varchar), 2, '0'),
      ':',
      lpad(CAST(written_second AS varchar), 2, '0'),
      '.',
      rpad(substr(fraction, 1, 6), 6, '0')
    )
    ELSE concat(CAST(trade_date AS varchar), ' ', traded_at)
  END AS instant,
  seq,
  simulated,
  open,
  high,
  low,
  close,
  adj_close,
  volume,
  close_usd,
  bid,
  ask,
  kafka_timestamp,
  kafka_generation,
  kafka_partition,
  kafka_offset,
  dt
FROM (
  SELECT
    *,
    written_minute - coalesce(utc_offset, 0) AS utc_minute,
    coalesce(
      written_date IS NOT NULL
      AND separator IN (' ', 'T', 't')
      AND written_minute >= 0
      AND written_minute < 1440
      AND written_second >= 0
      AND written_second < 60
      AND (fraction = '' OR TRY_CAST(fraction AS decimal(38, 0)) >= 0)
      AND (offset_sign IS NULL OR utc_offset > -1440 AND utc_offset < 1440),
      FALSE
    ) AS is_time
  FROM (
    SELECT
      *,
      TRY_CAST(substr(traded_at, 1, 10) AS date) AS written_date,
      substr(traded_at, 11, 1) AS separator,
      CASE
        WHEN substr(wall, 3, 1) = ':'
          AND TRY_CAST(substr(wall, 4, 2) AS integer) < 60
          THEN TRY_CAST(substr(wall, 1, 2) AS integer) * 60
            + TRY_CAST(substr(wall, 4, 2) AS integer)
      END AS written_minute,
      CASE
        WHEN length(wall) = 5 THEN 0
        WHEN substr(wall, 6, 1) = ':' THEN TRY_CAST(substr(wall, 7, 2) AS integer)
      END AS written_second,
      CASE
        WHEN length(wall) > 9 AND substr(wall, 9, 1) = '.' THEN substr(wall, 10)
        ELSE substr(wall, 9)
      END AS fraction,
      CASE offset_sign
        WHEN '+' THEN TRY_CAST(substr(offset_digits, 1, 2) AS integer) * 60
          + coalesce(TRY_CAST(substr(offset_digits, 3, 2) AS integer), 0)
        WHEN '-' THEN -60 * TRY_CAST(substr(offset_digits, 1, 2) AS integer)
          - coalesce(TRY_CAST(substr(offset_digits, 3, 2) AS integer), 0)
        WHEN 'Z' THEN 0
      END AS utc_offset
    FROM (
      SELECT
        *,
        split_part(split_part(split_part(clock, 'Z', 1), '+', 1), '-', 1) AS wall,
        CASE
          WHEN strpos(clock, '+') > 0 THEN '+'
          WHEN strpos(clock, '-') > 0 THEN '-'
          WHEN strpos(clock, 'Z') > 0 THEN 'Z'
        END AS offset_sign,
        CASE
          WHEN strpos(clock, '+') > 0 THEN replace(split_part(clock, '+', 2), ':', '')
          WHEN strpos(clock, '-') > 0 THEN replace(split_part(clock, '-', 2), ':', '')
        END AS offset_digits
      FROM (
        SELECT
          symbol,
          series,
          trade_date,
          coalesce(bar, CASE WHEN traded_at IS NULL THEN '1d' ELSE 'tick' END) AS bar,
          traded_at,
          replace(upper(substr(traded_at, 12)), ' ', '') AS clock,
          zone,
          coalesce(TRY_CAST(seq AS bigint), 1) AS seq,
          coalesce(TRY_CAST(simulated AS boolean), FALSE) AS simulated,
          open,
          high,
          low,
          close,
          adj_close,
          volume,
          close_usd,
          TRY_CAST(bid AS double) AS bid,
          TRY_CAST(ask AS double) AS ask,
          kafka_timestamp,
          kafka_generation,
          kafka_partition,
          kafka_offset,
          dt
        FROM quotes
        WHERE symbol IS NOT NULL
          AND trade_date IS NOT NULL
      ) AS records
    ) AS clocks
  ) AS parts
) AS times
