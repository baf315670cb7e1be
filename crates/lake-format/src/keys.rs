//! Where a record is stored: groups, object keys and the settings that decide them.
//!
//! No part of a key comes from the clock, a random number or a counter, so a batch that is delivered
//! again is written under the same keys.

use std::borrow::Cow;
use std::fmt::Write;
use std::str::FromStr;

use percent_encoding::{AsciiSet, CONTROLS, PercentEncode, utf8_percent_encode};
use time::OffsetDateTime;

use crate::InvalidRecord;
use crate::codec::Codec;
use crate::json::{Field, Kind};

/// The folder of good records, below the prefix.
pub const DATA: &str = "data";

/// The folder of poison, below the prefix.
pub const QUARANTINE: &str = "quarantine";

/// The folder of the ledgers, below the prefix.
pub const LEDGER: &str = "ledger";

/// What Hive calls the partition of the records that lack its field.
pub const NO_PARTITION: &str = "__HIVE_DEFAULT_PARTITION__";

/// An object key has at most 1,024 bytes; this leaves room for the rest of it.
const LONGEST_PARTITION_VALUE: usize = 256;

/// How finely time parts a topic's objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartitionBy {
    /// `dt=2026-11-21/`
    Day,
    /// `dt=2026-11-21/hour=07/`
    Hour,
}

impl PartitionBy {
    /// As `SINK_PARTITION_BY` spells it.
    pub fn name(self) -> &'static str {
        match self {
            PartitionBy::Day => "day",
            PartitionBy::Hour => "hour",
        }
    }
}

impl FromStr for PartitionBy {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        [PartitionBy::Day, PartitionBy::Hour].into_iter().find(|by| by.name() == text).ok_or(())
    }
}

/// The settings that decide object keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyLayout {
    /// Before every key; empty, or ending in `/`.
    pub prefix: String,
    /// Decides the end of an object's name.
    pub codec: Codec,
    /// Decides `hour=`.
    pub partition_by: PartitionBy,
    /// The field behind `by_<field>=`.
    pub partition_field: Option<String>,
    /// How often the topic was made anew.
    pub generation: u32,
}

/// The hours from 1970-01-01T00Z to a record's timestamp: what time adds to its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Hour(i64);

impl Hour {
    /// Where records without a usable timestamp are put.
    pub const UNKNOWN: Hour = Hour(0);

    /// The hour of a timestamp in milliseconds since 1970, or none when it has no date of four digits.
    pub fn of(timestamp: i64) -> Option<Self> {
        // 10000-01-01T00:00:00Z
        (0..253_402_300_800_000).contains(&timestamp).then_some(Hour(timestamp / 3_600_000))
    }

    fn date_and_hour(self) -> (String, i64) {
        let date = OffsetDateTime::from_unix_timestamp(self.0 * 3600)
            .map_or(OffsetDateTime::UNIX_EPOCH, |moment| moment)
            .date();
        (format!("{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day()), self.0 % 24)
    }
}

/// The directory part of an object's key, and what decides it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ObjectPrefix<'a> {
    /// Good records.
    Data {
        /// Of the record's timestamp; whole days where the layout parts by day.
        hour: Hour,
        /// The partition field's text, where the layout has one.
        value: Option<Cow<'a, str>>,
    },
    /// InvalidRecord.
    Quarantine {
        /// Of the record's timestamp, whole days.
        hour: Hour,
    },
}

impl KeyLayout {
    /// The group of a good record.
    pub fn data<'a>(&self, hour: Hour, value: Option<Cow<'a, str>>) -> ObjectPrefix<'a> {
        let hour = match self.partition_by {
            PartitionBy::Day => day(hour),
            PartitionBy::Hour => hour,
        };
        ObjectPrefix::Data { hour, value }
    }

    /// The group of poison.
    pub fn quarantine(&self, hour: Hour) -> ObjectPrefix<'static> {
        ObjectPrefix::Quarantine { hour: day(hour) }
    }

    /// `data/quotes/dt=2026-11-21/`, with the prefix before it.
    pub fn directory(&self, topic: &str, group: &ObjectPrefix<'_>) -> String {
        let mut path = self.prefix.clone();
        // Writing into a String does not fail.
        let _ = match group {
            ObjectPrefix::Quarantine { hour } => write!(path, "{QUARANTINE}/{topic}/dt={}/", hour.date_and_hour().0),
            ObjectPrefix::Data { hour, .. } => {
                let (date, hour_of_day) = hour.date_and_hour();
                write!(path, "{DATA}/{topic}/dt={date}/").and_then(|()| match self.partition_by {
                    PartitionBy::Day => Ok(()),
                    PartitionBy::Hour => write!(path, "hour={hour_of_day:02}/"),
                })
            }
        };
        if let (Some(field), ObjectPrefix::Data { value, .. }) = (&self.partition_field, group) {
            path.push_str("by_");
            path.extend(hive_escape(&field.to_ascii_lowercase()));
            path.push('=');
            match value.as_deref() {
                None | Some("") => path.push_str(NO_PARTITION),
                Some(value) => path.extend(hive_escape(value)),
            }
            path.push('/');
        }
        path
    }

    /// The key of the object whose first record has this offset:
    /// `data/quotes/dt=2026-11-21/00003-00000000000000000041.json.gz`.
    pub fn key(&self, topic: &str, partition: i32, group: &ObjectPrefix<'_>, first_offset: i64) -> String {
        self.key_in(&self.directory(topic, group), partition, first_offset)
    }

    /// The key in a group of which the directory is known.
    pub fn key_in(&self, directory: &str, partition: i32, first_offset: i64) -> String {
        format!("{}{first_offset:020}.{}", self.keys_in(directory, partition), self.codec.extension())
    }

    /// What the keys of a partition's objects in a directory begin with.
    pub fn keys_in(&self, directory: &str, partition: i32) -> String {
        format!("{directory}{}-", self.partition_name(partition))
    }

    /// Where the partition's ledger is: `ledger/quotes/00003.json`.
    pub fn ledger_key(&self, topic: &str, partition: i32) -> String {
        format!("{}{LEDGER}/{topic}/{}.json", self.prefix, self.partition_name(partition))
    }

    /// What keys are made of, for ledgers to tell: two sinks that differ in it would walk different chains.
    /// `dt=*/hour=*/by_sector=*/*.json.gz`
    pub fn pattern(&self) -> String {
        let mut pattern = "dt=*/".to_owned();
        if self.partition_by == PartitionBy::Hour {
            pattern.push_str("hour=*/");
        }
        if let Some(field) = &self.partition_field {
            pattern.push_str("by_");
            pattern.extend(hive_escape(&field.to_ascii_lowercase()));
            pattern.push_str("=*/");
        }
        pattern.push_str("*.");
        pattern.push_str(self.codec.extension());
        pattern
    }

    fn partition_name(&self, partition: i32) -> String {
        match self.generation {
            0 => format!("{partition:05}"),
            generation => format!("g{generation}-{partition:05}"),
        }
    }

    /// The text of the partition field's value, none where it is null or empty.
    ///
    /// # Errors
    /// [`InvalidRecord::PartitionField`] when it could not be part of an object key.
    pub fn partition_value<'a>(&self, field: &Field<'a>) -> Result<Option<Cow<'a, str>>, InvalidRecord> {
        let fault = |fault| InvalidRecord::PartitionField { field: field.name().into_owned(), fault };
        match field.kind {
            Kind::Null => Ok(None),
            Kind::Object | Kind::Array => Err(fault("neither an object nor an array can name a partition")),
            Kind::String | Kind::Number | Kind::Boolean => {
                let text = field.text();
                // Hive's name of no value: a record that says so is of the same folder as one without the field.
                if text == NO_PARTITION {
                    return Ok(None);
                }
                let escaped_length: usize = hive_escape(&text).map(str::len).sum();
                if escaped_length > LONGEST_PARTITION_VALUE {
                    return Err(fault("its value is too long to be part of an object key"));
                }
                Ok((!text.is_empty()).then_some(text))
            }
        }
    }
}

/// A prefix as keys begin with it: without a slash in front, which S3 would take for a nameless folder,
/// and with one at the end. None where it is not a path.
pub fn prefix(path: &str) -> Option<String> {
    let path = path.trim_matches('/');
    let is_path = !path.is_empty()
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
        && !path.chars().any(char::is_control);
    is_path.then(|| format!("{path}/"))
}

/// What an object's name tells: generation, partition, first offset. None where it is not one of ours.
pub fn parse_name(name: &str) -> Option<(u32, i32, i64)> {
    let (generation, rest) = parse_generation(name.split_once('.')?.0)?;
    let (partition, offset) = rest.split_once('-')?;
    Some((generation, partition.parse().ok()?, offset.parse().ok()?))
}

/// What a ledger's name tells: generation and partition. None where it is not one of ours.
pub fn parse_ledger_name(name: &str) -> Option<(u32, i32)> {
    let (generation, partition) = parse_generation(name.strip_suffix(".json")?)?;
    Some((generation, partition.parse().ok()?))
}

fn parse_generation(stem: &str) -> Option<(u32, &str)> {
    match stem.strip_prefix('g') {
        Some(rest) => rest.split_once('-').and_then(|(generation, rest)| Some((generation.parse().ok()?, rest))),
        None => Some((0, stem)),
    }
}

fn day(Hour(hour): Hour) -> Hour {
    Hour(hour - hour.rem_euclid(24))
}

/// The ASCII characters that Hive percent-encodes in a partition's path (`FileUtils.escapePathName`).
const HIVE: &AsciiSet = &CONTROLS
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'\'')
    .add(b'*')
    .add(b'/')
    .add(b':')
    .add(b'=')
    .add(b'?')
    .add(b'\\')
    .add(b'{')
    .add(b'}')
    .add(b'[')
    .add(b']')
    .add(b'^');

/// Percent-encodes what Hive percent-encodes, and all that is not ASCII, which programs treat differently in object keys
/// and URLs.
fn hive_escape(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, HIVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout() -> KeyLayout {
        KeyLayout {
            prefix: String::new(),
            codec: Codec::Gzip,
            partition_by: PartitionBy::Day,
            partition_field: None,
            generation: 0,
        }
    }

    const MOMENT: i64 = 1_764_028_800_123; // 2025-11-25T00:00:00.123Z

    #[test]
    fn a_key_is_made_of_topic_date_partition_and_first_offset() {
        let layout = layout();
        let group = layout.data(Hour::of(MOMENT).unwrap(), None);
        assert_eq!(layout.key("quotes", 3, &group, 41), "data/quotes/dt=2025-11-25/00003-00000000000000000041.json.gz");
        let quarantine = layout.quarantine(Hour::of(MOMENT + 86_399_000).unwrap());
        assert_eq!(
            layout.key("quotes", 3, &quarantine, 41),
            "quarantine/quotes/dt=2025-11-25/00003-00000000000000000041.json.gz"
        );
    }

    #[test]
    fn prefix_hour_field_generation_and_codec_add_their_part() {
        let layout = KeyLayout {
            prefix: "lake/".into(),
            codec: Codec::Zstd,
            partition_by: PartitionBy::Hour,
            partition_field: Some("Sector".into()),
            generation: 2,
        };
        let group = layout.data(Hour::of(MOMENT + 7 * 3_600_000).unwrap(), Some("oil/gas 50%".into()));
        assert_eq!(
            layout.key("t", 12, &group, 5),
            "lake/data/t/dt=2025-11-25/hour=07/by_sector=oil%2Fgas 50%25/g2-00012-00000000000000000005.json.zst"
        );
        assert_eq!(layout.ledger_key("t", 12), "lake/ledger/t/g2-00012.json");
        assert_eq!(layout.pattern(), "dt=*/hour=*/by_sector=*/*.json.zst");
        let absent = layout.data(Hour::of(MOMENT).unwrap(), None);
        assert_eq!(
            layout.directory("t", &absent),
            "lake/data/t/dt=2025-11-25/hour=00/by_sector=__HIVE_DEFAULT_PARTITION__/"
        );
        assert_eq!(layout.directory("t", &layout.quarantine(Hour::UNKNOWN)), "lake/quarantine/t/dt=1970-01-01/");
    }

    #[test]
    fn a_name_tells_what_went_into_it() {
        for generation in [0, 7] {
            let layout = KeyLayout { generation, ..layout() };
            let key = layout.key("quotes", 123_456, &layout.quarantine(Hour::UNKNOWN), 987);
            assert_eq!(parse_name(key.rsplit('/').next().unwrap()), Some((generation, 123_456, 987)));
        }
        for generation in [0, 7] {
            let key = KeyLayout { generation, ..layout() }.ledger_key("quotes", 123_456);
            assert_eq!(parse_ledger_name(key.strip_prefix("ledger/quotes/").unwrap()), Some((generation, 123_456)));
        }
        assert_eq!(parse_name("_SUCCESS"), None);
        assert_eq!(parse_name("gx-00001-00000000000000000001.json"), None);
    }

    #[test]
    fn records_of_one_day_share_a_group_and_midnight_parts_them() {
        let layout = layout();
        let group = |millis| layout.data(Hour::of(MOMENT + millis).unwrap(), None);
        assert_eq!(group(0), group(86_399_876));
        assert_ne!(group(0), group(86_399_877));
    }

    #[test]
    fn a_timestamp_without_a_date_has_no_hour() {
        assert_eq!(Hour::of(-1), None);
        assert_eq!(Hour::of(i64::MAX), None);
        assert_eq!(Hour::of(0), Some(Hour::UNKNOWN));
        assert!(Hour::of(253_402_300_799_999).is_some(), "9999-12-31T23:59:59.999Z");
        assert_eq!(Hour::of(253_402_300_800_000), None);
    }

    /// As it was before the crate `percent-encoding`.
    fn escaped_by_hand(text: &str) -> String {
        let mut out = String::new();
        for byte in text.bytes() {
            let plain = matches!(byte, b' '..=b'~') && !br##""#%'*/:=?\{}[]^"##.contains(&byte);
            if plain {
                out.push(char::from(byte));
            } else {
                let _ = write!(out, "%{byte:02X}");
            }
        }
        out
    }

    #[test]
    fn every_character_is_escaped_as_by_hand() {
        for character in '\0'..=char::MAX {
            let text = character.to_string();
            assert_eq!(hive_escape(&text).to_string(), escaped_by_hand(&text), "{character:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn text_is_escaped_as_by_hand(text in proptest::prelude::any::<String>(), ascii in "[\\x00-\\x7f]{0,64}") {
            for text in [text, ascii] {
                proptest::prop_assert_eq!(hive_escape(&text).to_string(), escaped_by_hand(&text));
                let length: usize = hive_escape(&text).map(str::len).sum();
                proptest::prop_assert_eq!(length, escaped_by_hand(&text).len());
            }
        }
    }
}
