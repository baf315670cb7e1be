//! Generates events with everything that a producer, a schema registry or an accident can put into records.

use lake_format::codec::Codec;
use lake_format::field_names::FieldNames;
use lake_format::keys::{KeyLayout, PartitionBy};
use lake_format::metadata::Metadata;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

/// A key or a value in an event.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Payload {
    Missing,
    Null,
    /// Bytes, encoded in base64.
    Bytes(Vec<u8>),
    /// A JSON string with its quotes, whose content may or may not be base64.
    Text(String),
    /// JSON other than a string.
    Json(String),
}

/// A record's Kafka timestamp.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Timestamp {
    Missing,
    Null,
    At(i64),
}

/// A record in an event.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) topic: &'static str,
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) timestamp: Timestamp,
    pub(super) key: Payload,
    pub(super) value: Payload,
    pub(super) headers: Option<String>,
}

impl Sent {
    fn json(&self) -> String {
        let Sent { topic, partition, offset, .. } = self;
        let mut json = format!("{{\"topic\":\"{topic}\",\"partition\":{partition},\"offset\":{offset}");
        json += &match self.timestamp {
            Timestamp::Missing => String::new(),
            Timestamp::Null => ",\"timestamp\":null".to_owned(),
            Timestamp::At(millis) => format!(",\"timestamp\":{millis},\"timestampType\":\"CREATE_TIME\""),
        };
        for (name, payload) in [("key", &self.key), ("value", &self.value)] {
            json += &match payload {
                Payload::Missing => continue,
                Payload::Null => format!(",\"{name}\":null"),
                Payload::Bytes(bytes) => {
                    format!(",\"{name}\":\"{}\"", base64_simd::STANDARD.encode_to_string(bytes))
                }
                Payload::Text(json) => format!(",\"{name}\": {json}"),
                Payload::Json(json) => format!(
                    ",\"{name}SchemaMetadata\":{{\"dataFormat\":\"JSON\",\"schemaId\":\"1\"}},\n\"{name}\":\n{json}\n"
                ),
            };
        }
        json += &self.headers.as_ref().map_or_else(String::new, |headers| format!(",\"headers\":{headers}"));
        json + "}"
    }
}

/// Returns an event with these records, in lists of at most `max_list` records.
pub(super) fn event(records: &[Sent], max_list: usize) -> String {
    let list = |records: &[Sent]| records.iter().map(Sent::json).collect::<Vec<_>>().join(",");
    let lists = records.chunks(max_list).map(|records| format!("\"quotes-0\":[{}]", list(records)));
    let lists = lists.collect::<Vec<_>>().join(",\n");
    format!("{{\"eventSource\":\"SelfManagedKafka\",\"bootstrapServers\":\"h:9092\",\"records\":{{{lists}}}}}")
}

/// Generates the same records in two orders; some records occur twice.
pub(super) fn records() -> impl Strategy<Value = (Vec<Sent>, Vec<Sent>)> {
    let offset = prop_oneof![9 => 0..20_i64, 1 => i64::MAX - 4..i64::MAX];
    let position = (prop::sample::select(vec!["quotes", "quotes", "quotes", "Quotes_2.x"]), 0..2_i32, offset);
    let body = (timestamp(), payload(), payload(), headers(), prop::bool::weighted(0.1));
    btree_map(position, body, 0..14).prop_flat_map(|map| {
        let mut all = Vec::new();
        for ((topic, partition, offset), (timestamp, key, value, headers, twice)) in map {
            let sent = Sent { topic, partition, offset, timestamp, key, value, headers };
            all.extend(twice.then(|| sent.clone()));
            all.push(sent);
        }
        (Just(all.clone()).prop_shuffle(), Just(all).prop_shuffle())
    })
}

/// Generates settings of the sink: the layout and the columns.
pub(super) fn settings() -> impl Strategy<Value = (KeyLayout, &'static str)> {
    let codec = prop_oneof![4 => Just(Codec::None), 1 => Just(Codec::Gzip), 1 => Just(Codec::Zstd)];
    let columns = prop_oneof![
        1 => Just(""),
        2 => Just("close:double,trade_date:date,volume:bigint,n:int,flag:boolean,symbol:string,größe:int"),
    ];
    let field_names = prop::sample::select(vec![FieldNames::Exact, FieldNames::IgnoreCase]);
    let metadata = prop::sample::select(Metadata::ALL.to_vec());
    (codec, any::<bool>(), any::<bool>(), prop::sample::select(vec![0, 3]), field_names, metadata, columns).prop_map(
        |(codec, by_hour, by_field, generation, field_names, metadata, columns)| {
            let partition_by = if by_hour { PartitionBy::Hour } else { PartitionBy::Day };
            let partition_field = by_field.then(|| "sector".to_owned());
            let prefix = if by_hour { "lake/" } else { "" }.to_owned();
            let layout = KeyLayout { prefix, codec, partition_by, partition_field, generation, field_names, metadata };
            (layout, columns)
        },
    )
}

fn timestamp() -> impl Strategy<Value = Timestamp> {
    let edges = vec![-1, 0, 1, -2, 253_402_300_799_999, 253_402_300_800_000, i64::MAX, i64::MIN];
    prop_oneof![
        // One hour before and after midnight.
        12 => (1_764_025_200_000..1_764_032_400_000_i64).prop_map(Timestamp::At),
        2 => prop::sample::select(edges).prop_map(Timestamp::At),
        1 => (0..253_402_300_800_000_i64).prop_map(Timestamp::At),
        1 => prop::sample::select(vec![Timestamp::Missing, Timestamp::Null]),
    ]
}

fn headers() -> impl Strategy<Value = Option<String>> {
    let some = ["[]", "null", "[{\"h\":[104,-61,-85]},{\"h\":[]}]", "[{\"a\":null},\n{\"b\":[-128,127]}]", "{\"h\":1}"];
    let odd = ["[{\"h\":[1e2]}]", "[{\"\\ud800\":[1]}]", "[{\"h\":[200]}]", "7", "[{\"\\u0001\\n\":[0]}]"];
    let all: Vec<&str> = some.into_iter().chain(odd).collect();
    prop::option::weighted(0.7, prop::sample::select(all).prop_map(str::to_owned))
}

fn payload() -> impl Strategy<Value = Payload> {
    let texts =
        ["", "not base64!", "e30", "e30=\\n", "e31=", "{}", "\\/\\/8=", "\\u0065\\u00330=", "\\ud800", "e30=", "1"];
    prop_oneof![
        1 => prop::sample::select(vec![Payload::Missing, Payload::Null]),
        2 => vec(any::<u8>(), 0..40).prop_map(Payload::Bytes),
        2 => "([{}\\[\\]\",:\\\\u0d8e1.+ntfalse-]|\n|\r| |\u{feff}|é){0,30}".prop_map(|text| Payload::Bytes(text.into())),
        12 => object().prop_map(|text| Payload::Bytes(text.into())),
        3 => (object(), any::<prop::sample::Index>(), any::<Option<u8>>()).prop_map(|(text, at, byte)| {
            let mut bytes = text.into_bytes();
            let at = at.index(bytes.len());
            bytes.splice(at..=at, byte);
            Payload::Bytes(bytes)
        }),
        1 => prop::sample::select(texts.to_vec()).prop_map(|text| Payload::Text(format!("\"{text}\""))),
        1 => (nested(1), 120..140_usize).prop_map(|(inner, depth)| {
            let text = format!("{{\"a\":{}{inner}{}}}", "[".repeat(depth), "]".repeat(depth));
            Payload::Bytes(text.into())
        }),
        1 => nested(3).prop_filter("a string is not a JSON payload", |json| !json.starts_with('"') && json != "null")
            .prop_filter("the event must be JSON", |json| serde_json::from_str::<serde::de::IgnoredAny>(json).is_ok())
            .prop_map(Payload::Json),
    ]
}

fn white() -> impl Strategy<Value = &'static str> {
    prop_oneof![8 => Just(""), 2 => prop::sample::select(vec![" ", "\n", "\r\n", "\t", " \r "])]
}

fn scalar() -> impl Strategy<Value = String> {
    let ok = ["1", "-0", "0.50", "-1.50E+3", "123456789012345678901234567890", "2147483647", "true", "false", "null"];
    let edges = ["2147483648", "-9223372036854775808", "9223372036854775808", "1e308", "1e999", "-1e-999", "1.0"];
    let broken = ["01", "1.", "+1", "NaN", ".5", "tru", "\"\\x\"", "\"\u{1}\"", "\"\\ud800\"", "\"\\udc00\""];
    let strings =
        ["", "oil", "oil/gas 50%", "__HIVE_DEFAULT_PARTITION__", "..", "é\u{2028}", "\\ud83d\\uDE00", "\\n\\u0000"];
    let dates = ["2013-02-28", "2013-02-29", "2012-02-29", "1900-02-29", "+013-02-28", "0000-01-01", "2013-2-28"];
    let strings = strings.into_iter().chain(dates).map(|text| format!("\"{text}\"")).collect::<Vec<_>>();
    let owned = |all: &[&str]| all.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    prop_oneof![
        6 => prop::sample::select(owned(&ok)),
        2 => prop::sample::select(owned(&edges)),
        1 => prop::sample::select(owned(&broken)),
        5 => prop::sample::select(strings),
        1 => any::<f64>().prop_map(|number| format!("{number:e}")),
        1 => any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
        1 => (200..300_usize).prop_map(|length| format!("\"{}\"", "x".repeat(length))),
    ]
}

fn nested(depth: u32) -> impl Strategy<Value = String> {
    scalar().prop_recursive(depth, 12, 3, |inner| {
        let list = (vec(inner.clone(), 0..3), white())
            .prop_map(|(items, white)| format!("[{white}{}{white}]", items.join(",")));
        prop_oneof![list, (inner, white()).prop_map(|(inner, white)| format!("{{\"kafka_offset\"{white}:{inner}}}"))]
    })
}

fn object() -> impl Strategy<Value = String> {
    let plain = ["symbol", "close", "Close", "trade_date", "VOLUME", "n", "flag", "sector", "Sector", "größe", "GRÖßE"];
    let other = [
        "\\u0063lose",
        "s\\u0065ctor",
        "é",
        "",
        "kafka_topic",
        "kafka_offset_",
        "kafka_key",
        "Kafka_Headers",
        "a\\nb",
        "\\u004e",
    ];
    let taken = ["kafka_partition", "Kafka_Offset", "kafka\\u005ftimestamp", "KAFKA_GENERATION", "\u{212a}afka_offset"];
    let name = prop_oneof![
        20 => prop::sample::select(plain.to_vec()),
        8 => prop::sample::select(other.to_vec()),
        1 => prop::sample::select(taken.to_vec()),
    ];
    let value = prop_oneof![6 => scalar(), 1 => nested(2)];
    let field = (name, white(), white(), value, white())
        .prop_map(|(name, a, b, value, c)| format!("\"{name}\"{a}:{b}{value}{c}"));
    (vec(field, 0..5), white(), white(), white())
        .prop_map(|(fields, a, b, c)| format!("{a}{{{b}{}}}{c}", fields.join(&format!(",{b}"))))
}
