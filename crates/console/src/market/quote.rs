//! Reads quotes from the events that the function received, for charts that follow a running feed.

use std::borrow::Cow;

use bytes::Bytes;
use lambda_kafka_event::{Payload, Records};
use serde::Deserialize;
use serde::ser::{Serialize, SerializeSeq, Serializer};

use super::bars::Place;
use super::time::{Length, parse_day, parse_instant};
use super::valid::is_valid;

/// The fields of a value that a chart needs.
#[derive(Deserialize)]
struct Value<'a> {
    #[serde(borrow)]
    symbol: Cow<'a, str>,
    #[serde(borrow)]
    trade_date: Cow<'a, str>,
    #[serde(borrow, default)]
    traded_at: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    bar: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    series: Option<Cow<'a, str>>,
    #[serde(default)]
    seq: Option<i64>,
    #[serde(default)]
    simulated: Option<bool>,
    #[serde(default)]
    open: Option<f64>,
    #[serde(default)]
    high: Option<f64>,
    #[serde(default)]
    low: Option<f64>,
    close: f64,
    #[serde(default)]
    volume: Option<f64>,
}

/// An event that the function has processed.
#[derive(Clone, Debug)]
pub(crate) struct Processed {
    pub(crate) event: Bytes,
    /// Number of records that the function has quarantined; `None` if it does not report any numbers.
    pub(crate) quarantined: Option<u64>,
}

/// A quote that the function received, or the sum of several ([`super::sums`]). It is sent as an array:
/// `[symbol, series, bar, simulated, day, micros, seq, open, high, low, close, volume]`, to which a sum adds
/// `first micros, first seq, quotes, length`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Quote {
    pub(crate) symbol: String,
    pub(crate) series: Option<String>,
    pub(crate) bar: String,
    /// Length of `bar`; `None` if charts do not support it.
    pub(crate) length: Option<Length>,
    pub(crate) simulated: bool,
    /// Days since 1970 of the trade date.
    pub(crate) day: i64,
    /// Place of the quote, or of the last quote of a sum.
    pub(crate) place: Place,
    pub(crate) open: f64,
    pub(crate) high: f64,
    pub(crate) low: f64,
    pub(crate) close: f64,
    pub(crate) volume: Option<f64>,
    pub(crate) sum: Option<Sum>,
}

/// Details of quotes that were added up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sum {
    pub(crate) first: Place,
    pub(crate) quotes: u64,
    /// The quotes belong to one bar of this length.
    pub(crate) length: Length,
}

impl Serialize for Quote {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut array = serializer.serialize_seq(None)?;
        array.serialize_element(&self.symbol)?;
        array.serialize_element(&self.series)?;
        array.serialize_element(&self.bar)?;
        array.serialize_element(&self.simulated)?;
        array.serialize_element(&self.day)?;
        array.serialize_element(&self.place.0)?;
        array.serialize_element(&self.place.1)?;
        for price in [self.open, self.high, self.low, self.close] {
            array.serialize_element(&price)?;
        }
        array.serialize_element(&self.volume)?;
        if let Some(Sum { first, quotes, length }) = &self.sum {
            array.serialize_element(&first.0)?;
            array.serialize_element(&first.1)?;
            array.serialize_element(quotes)?;
            array.serialize_element(length)?;
        }
        array.end()
    }
}

/// The quotes of an event.
#[derive(Debug, Default)]
pub(crate) struct Quotes {
    pub(crate) quotes: Vec<Quote>,
    /// Number of records that only SQL can read or distinguish from quarantined ones.
    pub(crate) unread: u64,
}

/// Returns the quotes of an event that belong to `topic` and were not quarantined.
pub(crate) fn quotes(Processed { event, quarantined }: &Processed, topic: &str) -> Quotes {
    let mut records = Records::new(event);
    let mut found = Quotes::default();
    let (is_checked, mut invalid) = (*quarantined != Some(0), 0);
    while let Ok(Some(record)) = records.advance() {
        let value = match &record.value {
            Payload::Base64(value) => base64_simd::STANDARD.decode_to_vec(&**value).ok(),
            Payload::Absent | Payload::Json(_) => None,
        };
        if is_checked && !value.as_ref().is_some_and(|value| is_valid(value, record.timestamp)) {
            invalid += 1;
        } else if record.topic == topic
            && let Some(value) = value
        {
            match quote(&value) {
                Ok(quote) => found.quotes.extend(quote),
                Err(OnlyBySql) => found.unread += 1,
            }
        }
    }
    if quarantined.is_some_and(|quarantined| quarantined != invalid) {
        // The sink has quarantined other records, or had quarantined some of these before.
        found.unread += found.quotes.len() as u64;
        found.quotes.clear();
    }
    found
}

/// Error for a quote whose time has a form that only the views can convert.
struct OnlyBySql;

/// Parses a value as a quote. Returns `None` if the value is not a quote.
fn quote(value: &[u8]) -> Result<Option<Quote>, OnlyBySql> {
    let Ok(value) = serde_json::from_slice::<Value<'_>>(value) else { return Ok(None) };
    let Some(day) = parse_day(&value.trade_date) else { return Ok(None) };
    let time = parse_instant(value.traded_at.as_deref().unwrap_or(&value.trade_date)).ok_or(OnlyBySql)?;
    let bar = value.bar.unwrap_or(if value.traded_at.is_none() { "1d".into() } else { "tick".into() });
    let open = value.open.unwrap_or(value.close);
    Ok(Some(Quote {
        symbol: value.symbol.into_owned(),
        series: value.series.map(Cow::into_owned),
        length: Length::parse(&bar),
        bar: bar.into_owned(),
        simulated: value.simulated.unwrap_or(false),
        day,
        place: (time, value.seq.unwrap_or(1)),
        open,
        high: value.high.unwrap_or(open.max(value.close)),
        low: value.low.unwrap_or(open.min(value.close)),
        close: value.close,
        volume: value.volume,
        sum: None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(values: &[&str], quarantined: Option<u64>) -> Processed {
        let encode = |value: &&str| base64_simd::STANDARD.encode_to_string(value.as_bytes());
        let records: Vec<_> = values
            .iter()
            .zip(0..)
            .map(|(value, offset)| {
                format!(
                    r#"{{"topic":"quotes","partition":0,"offset":{offset},"timestamp":1764028800123,"value":"{}"}}"#,
                    encode(value)
                )
            })
            .collect();
        let event = format!(
            r#"{{"eventSource":"SelfManagedKafka","bootstrapServers":"h:1","records":{{"quotes-0":[{}]}}}}"#,
            records.join(",")
        );
        Processed { event: event.into(), quarantined }
    }

    /// Returns the closes of an event's quotes, and the number of records that were not read.
    fn read(values: &[&str], quarantined: Option<u64>) -> (Vec<f64>, u64) {
        let read = quotes(&event(values, quarantined), "quotes");
        (read.quotes.iter().map(|quote| quote.close).collect(), read.unread)
    }

    #[test]
    fn quotes_of_any_length_are_read() {
        let values = [
            r#"{"symbol":"FB","trade_date":"2012-05-18","bar":"1d","open":42.05,"high":45.0,"low":38.0,"close":38.2318,"volume":573576400}"#,
            r#"{"symbol":"X","trade_date":"2024-01-01","traded_at":"2024-01-02 14:30:00.250000","close":5,"seq":2,"simulated":true}"#,
        ];
        let read = quotes(&event(&values, Some(0)), "quotes");
        assert_eq!(
            serde_json::to_string(&read.quotes).unwrap(),
            r#"[["FB",null,"1d",false,15478,1337299200000000,1,42.05,45.0,38.0,38.2318,573576400.0],["X",null,"tick",true,19723,1704205800250000,2,5.0,5.0,5.0,5.0,null]]"#
        );
        assert_eq!(read.unread, 0);
    }

    #[test]
    fn other_records_are_left_out() {
        let values = [
            "not JSON",
            r#"{"symbol":"X","trade_date":"2024-01-02"}"#,
            r#"{"symbol":"X","trade_date":"yesterday","close":1}"#,
            r#"{"symbol":"X","symbol":"Y","trade_date":"2024-01-02","close":1}"#,
            r#"{"symbol":"X","trade_date":"2024-01-02","close":"1"}"#,
        ];
        assert_eq!(read(&values, Some(0)), (vec![], 0));
        let valid = event(&[r#"{"symbol":"X","trade_date":"2024-01-02","close":1}"#], Some(0));
        assert!(quotes(&valid, "other").quotes.is_empty());
        assert!(quotes(&Processed { event: "{".into(), quarantined: Some(0) }, "quotes").quotes.is_empty());
    }

    #[test]
    fn time_that_only_the_views_convert_is_unread() {
        let value = r#"{"symbol":"X","trade_date":"2024-01-02","traded_at":"2024-01-02T14:30:00-05:00","close":1}"#;
        assert_eq!(read(&[value], Some(0)), (vec![], 1));
    }

    #[test]
    fn quarantined_record_is_no_quote() {
        let values = [
            r#"{"symbol":"X","trade_date":"2024-01-02","close":1}"#,
            r#"{"symbol":"X","trade_date":"2024-01-02","close":2,"kafka_offset":3}"#,
        ];
        assert_eq!(read(&values, Some(1)), (vec![1.0], 0));
        assert_eq!(read(&values, None), (vec![1.0], 0));
    }

    #[test]
    fn event_with_unknown_quarantined_records_is_unread() {
        let values = [
            r#"{"symbol":"X","trade_date":"2024-01-02","close":1}"#,
            r#"{"symbol":"X","trade_date":"2024-01-02","close":2,"volume":"many"}"#,
            r#"{"symbol":"X","trade_date":"2024-01-02","close":3}"#,
        ];
        assert_eq!(read(&values, Some(1)), (vec![], 2));
    }
}
