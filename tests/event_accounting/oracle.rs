//! The expected object and line of a record, computed with `serde_json` and calendar arithmetic. Shares no code with
//! the sink.

use std::fmt;

use base64_simd::STANDARD;
use lake_format::field_names::FieldNames;
use lake_format::keys::{KeyLayout, PartitionBy};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::generator::{Payload, Sent, Timestamp};

/// The beginnings of all reasons that concern the text of a value.
const TEXT_REASONS: [&str; 7] =
    ["not JSON", "lone surrogate", "nested deeper", "not an object", "field ", "column ", "partition field"];

/// The expected outcome for a record.
pub(super) enum Expected {
    /// The record is stored in this folder as this line.
    Stored { folder: String, line: String },
    /// The record is quarantined in this folder, for a reason that begins with one of these.
    Quarantined { folder: String, reasons: Vec<&'static str> },
}

pub(super) fn expected(sent: &Sent, layout: &KeyLayout, columns: &str) -> Expected {
    let (mut reasons, mut object, mut by) = (Vec::new(), None, None);
    let day = day_and_hour(millis(sent));
    if day.is_none() {
        reasons.push("no usable timestamp");
    }
    match payload(&sent.value) {
        None => reasons.push("tombstone"),
        Some(Err(_)) => reasons.push("not base64"),
        Some(Ok(bytes)) => match String::from_utf8(bytes) {
            Err(_) => reasons.push("not UTF-8"),
            Ok(text) => match fields(&text) {
                Err(text_reasons) => reasons.extend(text_reasons),
                Ok(fields) => {
                    if layout.field_names == FieldNames::IgnoreCase && differ_in_case(&fields) {
                        reasons.push("field ");
                    }
                    for (name, value) in &fields {
                        if is_coordinate(name) || is_added(layout, name) {
                            reasons.push("field ");
                        }
                        if !fits(columns, name, value) {
                            reasons.push("column ");
                        }
                        if Some(name.to_lowercase()) == layout.partition_field {
                            by = partition_value(value).unwrap_or_else(|()| {
                                reasons.push("partition field");
                                None
                            });
                        }
                    }
                    object = Some((text, fields.is_empty()));
                }
            },
        },
    }
    let (date, hour) = day.unwrap_or_else(|| ("1970-01-01".to_owned(), 0));
    let KeyLayout { prefix, generation, .. } = layout;
    let topic = sent.topic;
    let Some((text, is_empty)) = object.filter(|_| reasons.is_empty()) else {
        return Expected::Quarantined { folder: format!("{prefix}quarantine/{topic}/dt={date}/"), reasons };
    };
    let mut folder = format!("{prefix}data/{topic}/dt={date}/");
    if layout.partition_by == PartitionBy::Hour {
        folder += &format!("hour={hour:02}/");
    }
    if let Some(field) = &layout.partition_field {
        folder += &format!("by_{field}={}/", by.as_deref().unwrap_or("__HIVE_DEFAULT_PARTITION__"));
    }
    let mut line = format!(
        "{{\"kafka_partition\":{},\"kafka_offset\":{},\"kafka_timestamp\":{}",
        sent.partition,
        sent.offset,
        millis(sent)
    );
    if *generation > 0 {
        line += &format!(",\"kafka_generation\":{generation}");
    }
    if layout.metadata.key {
        let key = match payload(&sent.key) {
            None => Value::Null,
            Some(Ok(bytes)) => STANDARD.encode_to_string(bytes).into(),
            Some(Err(text)) => text.into(),
        };
        line += &format!(",\"kafka_key\":{key}");
    }
    if layout.metadata.headers {
        let headers = sent.headers.as_deref().filter(|headers| *headers != "null").unwrap_or("[]");
        line += &format!(",\"kafka_headers\":{}", Value::from(headers));
    }
    let fields = text.trim_matches([' ', '\t', '\r', '\n']).replace(['\r', '\n'], " ");
    line += if is_empty { "" } else { "," };
    Expected::Stored { folder, line: line + &fields[1..] }
}

pub(super) fn millis(sent: &Sent) -> i64 {
    if let Timestamp::At(millis) = sent.timestamp { millis } else { -1 }
}

/// Returns the bytes that were sent, or an error with the string that is not base64. Returns `None` if the record has
/// no value.
pub(super) fn payload(payload: &Payload) -> Option<Result<Vec<u8>, String>> {
    match payload {
        Payload::Missing | Payload::Null => None,
        Payload::Bytes(bytes) => Some(Ok(bytes.clone())),
        Payload::Json(json) => Some(Ok(json.clone().into_bytes())),
        // An invalid string, with half of a surrogate pair, counts as JSON of a different type.
        Payload::Text(json) => Some(match serde_json::from_str::<String>(json) {
            Ok(text) => base64(&text).ok_or(text),
            Err(_) => Ok(json.clone().into_bytes()),
        }),
    }
}

/// Decodes base64 as RFC 4648 defines it: with padding, without other characters, and without remaining bits.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    let padding = text.len() - digits.len();
    let (mut bits, mut count, mut bytes) = (0_u32, 0, Vec::new());
    for byte in digits.bytes() {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(digit);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    (text.len().is_multiple_of(4) && padding < 3 && count < 6 && bits == 0).then_some(bytes)
}

/// Returns the fields of a JSON object: names without escapes, values as written. For any other string, returns the
/// beginnings of all reasons that the sink may give.
pub(super) fn fields(text: &str) -> Result<Vec<(String, String)>, Vec<&'static str>> {
    if serde_json::from_str::<IgnoredAny>(text).is_err() {
        return Err(TEXT_REASONS.to_vec());
    }
    let (depth, strings) = depth_and_strings(text);
    let mut reasons = Vec::new();
    match serde_json::from_str::<Value>(text) {
        Ok(value) if value.is_object() => {}
        Ok(_) => reasons.push("not an object"),
        // These limits of `serde_json` are not in the JSON standard, so the reasons are determined without it.
        Err(error) if error.to_string().contains("out of range") || error.to_string().contains("recursion limit") => {
            reasons.extend((depth > 128).then_some("nested deeper"));
            let is_string = |text: &&str| serde_json::from_str::<String>(text).is_ok();
            reasons.extend((!strings.iter().all(is_string)).then_some("lone surrogate"));
            reasons.extend((!text.trim_ascii_start().starts_with('{')).then_some("not an object"));
        }
        Err(_) => return Err(TEXT_REASONS.to_vec()),
    }
    if !reasons.is_empty() {
        // The sink reports only the first reason, which may concern a field or a column.
        reasons.extend(["field ", "column ", "partition field"]);
        return Err(reasons);
    }
    let Fields(fields) = serde_json::from_str(text).map_err(|_| TEXT_REASONS.to_vec())?;
    Ok(fields)
}

fn depth_and_strings(json: &str) -> (usize, Vec<&str>) {
    let (mut depth, mut deepest, mut strings, mut start, mut escaped) = (0_usize, 0, Vec::new(), None, false);
    for (at, byte) in json.bytes().enumerate() {
        match (start, byte) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), b'\\') => escaped = true,
            (Some(from), b'"') => {
                strings.push(&json[from..=at]);
                start = None;
            }
            (None, b'"') => start = Some(at),
            (None, b'{' | b'[') => depth += 1,
            (None, b'}' | b']') => depth -= 1,
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    (deepest, strings)
}

struct Fields(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;

        impl<'de> Visitor<'de> for Each {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Fields, M::Error> {
                let mut fields = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
                    fields.push((name, value.get().to_owned()));
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(Each)
    }
}

/// Returns `true` if two names are different and the same in lower case.
fn differ_in_case(fields: &[(String, String)]) -> bool {
    let differ = |a: &str, b: &str| a != b && a.to_lowercase() == b.to_lowercase();
    fields.iter().any(|(a, _)| fields.iter().any(|(b, _)| differ(a, b)))
}

/// Returns `true` for the name of a coordinate, in any case, because Athena converts names to lower case.
pub(super) fn is_coordinate(name: &str) -> bool {
    ["kafka_partition", "kafka_offset", "kafka_timestamp", "kafka_generation"].contains(&&*name.to_lowercase())
}

/// Returns `true` for the name of a field that `SINK_METADATA` adds, in any case.
fn is_added(layout: &KeyLayout, name: &str) -> bool {
    let name = name.to_lowercase();
    (layout.metadata.key && name == "kafka_key") || (layout.metadata.headers && name == "kafka_headers")
}

/// Returns `true` if the value is valid for its column, or no column has this name.
pub(super) fn fits(columns: &str, name: &str, json: &str) -> bool {
    let name = name.to_lowercase();
    let column = columns.split(',').filter_map(|column| column.split_once(':')).find(|(column, _)| *column == name);
    let integer = || json.parse::<i128>().ok().filter(|_| !json.starts_with('+'));
    match column {
        None => true,
        Some(_) if json == "null" => true,
        Some((_, "string")) => !json.starts_with(['{', '[']),
        Some((_, "boolean")) => matches!(json, "true" | "false"),
        Some((_, "int")) => integer().is_some_and(|number| i32::try_from(number).is_ok()),
        Some((_, "bigint")) => integer().is_some_and(|number| i64::try_from(number).is_ok()),
        Some((_, "double")) => serde_json::from_str::<f64>(json).is_ok(),
        Some((_, "date")) => serde_json::from_str::<String>(json).is_ok_and(|text| is_date(&text)),
        Some((_, other)) => panic!("{other}"),
    }
}

fn is_date(text: &str) -> bool {
    let number = |range| text.get(range).filter(|part: &&str| part.bytes().all(|b| b.is_ascii_digit()))?.parse().ok();
    let (Some(year), Some(month), Some(day)) = (number(0..4), number(5..7), number(8..10)) else { return false };
    let leap: bool = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = [31, 28 + u32::from(leap), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let dashed = text.len() == 10 && text[4..].starts_with('-') && text[7..].starts_with('-');
    dashed && (1..=12).contains(&month) && (1..=days[month as usize - 1]).contains(&day)
}

/// Returns the value as it appears in an object's key: `None` if the value is null or empty, an error if it is invalid.
fn partition_value(json: &str) -> Result<Option<String>, ()> {
    let text = match json.as_bytes()[0] {
        b'{' | b'[' => return Err(()),
        b'"' => serde_json::from_str(json).map_err(|_| ())?,
        _ => json.to_owned(),
    };
    let plain = |byte: u8| matches!(byte, b' '..=b'~') && !"\"#%'*/:=?\\{}[]^".contains(char::from(byte));
    let part = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    let path: String = text.bytes().map(part).collect();
    if path.len() > 256 { Err(()) } else { Ok((!path.is_empty() && json != "null").then_some(path)) }
}

/// Returns the UTC date and the hour of the day, or `None` if the year does not have four digits.
fn day_and_hour(millis: i64) -> Option<(String, i64)> {
    if !(0..253_402_300_800_000).contains(&millis) {
        return None;
    }
    // Howard Hinnant's `civil_from_days`: https://howardhinnant.github.io/date_algorithms.html
    let days = millis / 86_400_000 + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let (day, month) = (of_year - (153 * shifted + 2) / 5 + 1, if shifted < 10 { shifted + 3 } else { shifted - 9 });
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    Some((format!("{year:04}-{month:02}-{day:02}"), millis / 3_600_000 % 24))
}
