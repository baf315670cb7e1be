//! Reads quotes from the events that the function received, for charts that follow a running feed.

use std::borrow::Cow;
use std::collections::BTreeMap;

use lambda_kafka_event::{Payload, Records};
use serde::Deserialize;
use serde::ser::{Serialize, SerializeTuple, Serializer};

use super::time::parse_instant;

/// Maximum number of quotes in one frame. Of more, only the newest of each symbol are sent.
pub(crate) const MAX_QUOTES: usize = 1_000;

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

/// A quote that the function received, as an array:
/// `[symbol, series, bar, seconds since 1970, seq, simulated, open, high, low, close, volume]`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Quote {
    pub(crate) symbol: String,
    pub(crate) series: Option<String>,
    pub(crate) bar: String,
    pub(crate) time: i64,
    pub(crate) seq: i64,
    pub(crate) simulated: bool,
    pub(crate) open: f64,
    pub(crate) high: f64,
    pub(crate) low: f64,
    pub(crate) close: f64,
    pub(crate) volume: Option<f64>,
}

impl Serialize for Quote {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(11)?;
        tuple.serialize_element(&self.symbol)?;
        tuple.serialize_element(&self.series)?;
        tuple.serialize_element(&self.bar)?;
        tuple.serialize_element(&self.time)?;
        tuple.serialize_element(&self.seq)?;
        tuple.serialize_element(&self.simulated)?;
        for price in [self.open, self.high, self.low, self.close] {
            tuple.serialize_element(&price)?;
        }
        tuple.serialize_element(&self.volume)?;
        tuple.end()
    }
}

/// Returns the quotes of an event that belong to `topic`. Records that are not quotes with a close and a time in the
/// views' form are left out: a chart shows them once it reads them with SQL.
pub(crate) fn quotes(event: &[u8], topic: &str) -> Vec<Quote> {
    let mut records = Records::new(event);
    let mut quotes = Vec::new();
    while let Ok(Some(record)) = records.advance() {
        if record.topic == topic
            && let Payload::Base64(value) = &record.value
            && let Ok(value) = base64_simd::STANDARD.decode_to_vec(&**value)
        {
            quotes.extend(quote(&value));
        }
    }
    quotes
}

fn quote(value: &[u8]) -> Option<Quote> {
    let value: Value<'_> = serde_json::from_slice(value).ok()?;
    let time = parse_instant(value.traded_at.as_deref().unwrap_or(&value.trade_date))?;
    let bar = value.bar.unwrap_or(if value.traded_at.is_none() { "1d".into() } else { "tick".into() });
    let open = value.open.unwrap_or(value.close);
    Some(Quote {
        symbol: value.symbol.into_owned(),
        series: value.series.map(Cow::into_owned),
        bar: bar.into_owned(),
        time,
        seq: value.seq.unwrap_or(1),
        simulated: value.simulated.unwrap_or(false),
        open,
        high: value.high.unwrap_or(open.max(value.close)),
        low: value.low.unwrap_or(open.min(value.close)),
        close: value.close,
        volume: value.volume,
    })
}

/// Limits the quotes of a frame to [`MAX_QUOTES`]: of more, it keeps the newest of each symbol, series and bar. Returns
/// the number of quotes that were left out.
pub(crate) fn limit(quotes: &mut Vec<Quote>) -> usize {
    let all = quotes.len();
    if all > MAX_QUOTES {
        let mut newest = BTreeMap::new();
        for quote in quotes.drain(..) {
            newest.insert((quote.symbol.clone(), quote.series.clone(), quote.bar.clone()), quote);
        }
        quotes.extend(newest.into_values().take(MAX_QUOTES));
    }
    all - quotes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(values: &[&str]) -> String {
        let encode = |value: &&str| base64_simd::STANDARD.encode_to_string(value.as_bytes());
        let records: Vec<_> = values
            .iter()
            .zip(0..)
            .map(|(value, offset)| {
                format!(r#"{{"topic":"quotes","partition":0,"offset":{offset},"value":"{}"}}"#, encode(value))
            })
            .collect();
        format!(
            r#"{{"eventSource":"SelfManagedKafka","bootstrapServers":"h:1","records":{{"quotes-0":[{}]}}}}"#,
            records.join(",")
        )
    }

    #[test]
    fn quotes_of_any_length_are_read() {
        let text = event(&[
            r#"{"symbol":"FB","trade_date":"2012-05-18","bar":"1d","open":42.05,"high":45.0,"low":38.0,"close":38.2318,"volume":573576400}"#,
            r#"{"symbol":"X","trade_date":"2024-01-02","traded_at":"2024-01-02 14:30:00.250000","close":5,"seq":2}"#,
        ]);
        let quotes = quotes(text.as_bytes(), "quotes");
        assert_eq!(
            serde_json::to_string(&quotes).unwrap(),
            r#"[["FB",null,"1d",1337299200,1,false,42.05,45.0,38.0,38.2318,573576400.0],["X",null,"tick",1704205800,2,false,5.0,5.0,5.0,5.0,null]]"#
        );
    }

    #[test]
    fn other_records_are_left_out() {
        let text = event(&[
            "not JSON",
            r#"{"symbol":"X","trade_date":"2024-01-02"}"#,
            r#"{"symbol":"X","trade_date":"yesterday","close":1}"#,
            r#"{"symbol":"X","symbol":"Y","trade_date":"2024-01-02","close":1}"#,
            r#"{"symbol":"X","trade_date":"2024-01-02","close":"1"}"#,
        ]);
        assert!(quotes(text.as_bytes(), "quotes").is_empty());
        let valid = event(&[r#"{"symbol":"X","trade_date":"2024-01-02","close":1}"#]);
        assert!(quotes(valid.as_bytes(), "other").is_empty());
        assert!(quotes(b"{", "quotes").is_empty());
    }

    #[test]
    fn frame_keeps_the_newest_quote_of_each_symbol() {
        let quote = |symbol: usize, time: i64| Quote {
            symbol: format!("S{symbol:04}"),
            series: None,
            bar: "1m".to_owned(),
            time,
            seq: 1,
            simulated: false,
            open: 1.0,
            high: 1.0,
            low: 1.0,
            close: 1.0,
            volume: None,
        };
        let mut few: Vec<_> = (0..MAX_QUOTES).map(|at| quote(at % 7, at as i64)).collect();
        assert_eq!(limit(&mut few), 0);
        few.push(quote(1, 99_999));
        assert_eq!((limit(&mut few), few.len()), (MAX_QUOTES - 6, 7));
        assert_eq!(few[1].time, 99_999);
        let mut many: Vec<_> = (0..5_000).map(|symbol| quote(symbol, 1)).collect();
        assert_eq!((limit(&mut many), many.len()), (4_000, MAX_QUOTES));
    }
}
