//! Object keys, ledger keys, and the settings that determine where a record is stored.
//!
//! ```text
//! [prefix/]data/<topic>/dt=2026-11-21/[hour=07/][by_<field>=<value>/][g<generation>-]00003-00000000000000000041.json.gz
//! [prefix/]quarantine/<topic>/dt=2026-11-21/[g<generation>-]00003-00000000000000000041.json.gz
//! [prefix/]ledger/<topic>/[g<generation>-]00003.json
//! [prefix/]trash/<topic>/g<generation>/[key of a dropped object or ledger, without the prefix]
//! ```
//!
//! An object is named after its partition (at least five digits) and the offset of its first record (twenty digits), so
//! the keys of a partition under one object prefix sort by offset. No part of a key comes from a clock, a random number
//! or a counter, so a batch that is delivered again is written to the same keys.

use std::borrow::Cow;
use std::fmt::Write;
use std::str::FromStr;

use jiff::ToSpan;
use jiff::civil::Date;
use percent_encoding::{AsciiSet, CONTROLS, PercentEncode, utf8_percent_encode};

use crate::InvalidRecord;
use crate::codec::Codec;
use crate::field_names::FieldNames;
use crate::json::{Field, Kind};
use crate::metadata::Metadata;

/// First part of the keys of valid records, after the configured prefix.
pub const DATA: &str = "data";

/// First part of the keys of invalid records, after the configured prefix.
pub const QUARANTINE: &str = "quarantine";

/// First part of the keys of ledgers, after the configured prefix.
pub const LEDGER: &str = "ledger";

/// Name of the probe object in the folder of a topic's ledgers. The sink uses the object to check whether a server
/// honours conditional writes. Everything that reads ledgers ignores it.
const PROBE: &str = "_probe";

/// First part of the keys of dropped objects and ledgers, after the configured prefix.
pub const TRASH: &str = "trash";

/// Hive's name for the partition of records without a value for the partition field.
pub const NO_PARTITION: &str = "__HIVE_DEFAULT_PARTITION__";

/// Separator between the pattern of object keys and the rule for field names in a ledger's layout text. A pattern
/// cannot be mistaken for a pattern with a rule, because every pattern ends in the extension of a codec.
const FIELD_NAMES: &str = " field-names=";

/// Separator before the added metadata, which is the last part of a ledger's layout text.
const METADATA: &str = " metadata=";

/// Maximum length of an escaped partition value in bytes. A record with a longer value is invalid. S3 limits object
/// keys to 1,024 bytes, so this leaves room for the rest of the key.
const MAX_PARTITION_VALUE_LEN: usize = 256;

/// Time range that the records of an object share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartitionBy {
    /// `dt=2026-11-21/`
    Day,
    /// `dt=2026-11-21/hour=07/`
    Hour,
}

impl PartitionBy {
    /// Returns the value of `SINK_PARTITION_BY` for this time range.
    pub fn name(self) -> &'static str {
        match self {
            PartitionBy::Day => "day",
            PartitionBy::Hour => "hour",
        }
    }
}

/// Error returned when a string is not the name of a [`PartitionBy`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected day or hour")]
pub struct UnknownPartitionBy;

impl FromStr for PartitionBy {
    type Err = UnknownPartitionBy;

    fn from_str(name: &str) -> Result<Self, UnknownPartitionBy> {
        [PartitionBy::Day, PartitionBy::Hour].into_iter().find(|by| by.name() == name).ok_or(UnknownPartitionBy)
    }
}

/// The settings that determine where a record is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyLayout {
    /// Prefix of every key. Either empty or ends in `/`.
    pub prefix: String,
    /// Determines the extension of object keys.
    pub codec: Codec,
    /// Determines whether object keys contain `hour=`.
    pub partition_by: PartitionBy,
    /// Record field whose value appears in object keys as `by_<field>=<value>`.
    pub partition_field: Option<String>,
    /// Number of times that the topic was recreated.
    pub generation: u32,
    /// Determines whether a record is quarantined because its field names are ambiguous.
    pub field_names: FieldNames,
    /// Parts of the record that are added to its line.
    pub metadata: Metadata,
}

/// The parts of a ledger's layout text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerLayout<'a> {
    /// Pattern of object keys.
    pub pattern: &'a str,
    pub rules: LineRules,
}

/// Settings that determine an object's content, but not its key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineRules {
    pub field_names: FieldNames,
    pub metadata: Metadata,
}

impl LineRules {
    /// Formats the rules in which `self` differs from `other` as settings of the sink, such as
    /// `SINK_FIELD_NAMES=exact`. Returns an empty string if the rules are equal.
    pub fn settings_unlike(self, other: LineRules) -> String {
        let mut settings = Vec::new();
        if self.field_names != other.field_names {
            settings.push(format!("SINK_FIELD_NAMES={}", self.field_names.name()));
        }
        if self.metadata != other.metadata {
            settings.push(format!("SINK_METADATA={}", self.metadata.name()));
        }
        settings.join(" and ")
    }
}

/// An hour, counted from 1970-01-01T00Z. It is the part of a record's timestamp that determines the object prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Hour(i64);

impl Hour {
    /// The hour for records without a usable timestamp: 1970-01-01T00Z.
    pub const UNKNOWN: Hour = Hour(0);

    /// Returns the hour of a timestamp in milliseconds since the Unix epoch, or `None` if the timestamp is before 1970
    /// or after 9999.
    pub fn from_timestamp(timestamp: i64) -> Option<Self> {
        // 10000-01-01T00:00:00Z
        (0..253_402_300_800_000).contains(&timestamp).then_some(Hour(timestamp / 3_600_000))
    }

    fn date_and_hour(self) -> (String, i64) {
        // Not by way of a `Timestamp`, whose last day is 9999-12-30.
        let date = Date::new(1970, 1, 1).and_then(|epoch| epoch.checked_add(self.0.div_euclid(24).days()));
        (date.unwrap_or(Date::ZERO).to_string(), self.0 % 24)
    }
}

/// The parts of an object prefix, which is an object's key up to the last slash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ObjectPrefix<'a> {
    /// Valid records.
    Data {
        /// The hour of the records' timestamps, or the first hour of their day if the layout partitions by day.
        hour: Hour,
        /// Value of the partition field, or `None` if the layout has no partition field or the records have no value.
        value: Option<Cow<'a, str>>,
    },
    /// Invalid records.
    Quarantine {
        /// The first hour of the day of the records' timestamps.
        hour: Hour,
    },
}

/// The sink's default settings: no prefix, gzip, by day, no partition field, generation 0, exact field names, no
/// metadata.
impl Default for KeyLayout {
    fn default() -> Self {
        KeyLayout {
            prefix: String::new(),
            codec: Codec::Gzip,
            partition_by: PartitionBy::Day,
            partition_field: None,
            generation: 0,
            field_names: FieldNames::Exact,
            metadata: Metadata::NONE,
        }
    }
}

impl KeyLayout {
    /// Returns the object prefix of a valid record.
    pub fn data<'a>(&self, hour: Hour, value: Option<Cow<'a, str>>) -> ObjectPrefix<'a> {
        let hour = match self.partition_by {
            PartitionBy::Day => start_of_day(hour),
            PartitionBy::Hour => hour,
        };
        ObjectPrefix::Data { hour, value }
    }

    /// Returns the object prefix of an invalid record.
    pub fn quarantine(&self, hour: Hour) -> ObjectPrefix<'static> {
        ObjectPrefix::Quarantine { hour: start_of_day(hour) }
    }

    /// Formats an object prefix, such as `data/quotes/dt=2026-11-21/`.
    pub fn directory(&self, topic: &str, prefix: &ObjectPrefix<'_>) -> String {
        let mut path = self.prefix.clone();
        // Writing to a String cannot fail.
        let _ = match prefix {
            ObjectPrefix::Quarantine { hour } => write!(path, "{QUARANTINE}/{topic}/dt={}/", hour.date_and_hour().0),
            ObjectPrefix::Data { hour, .. } => {
                let (date, hour_of_day) = hour.date_and_hour();
                write!(path, "{DATA}/{topic}/dt={date}/").and_then(|()| match self.partition_by {
                    PartitionBy::Day => Ok(()),
                    PartitionBy::Hour => write!(path, "hour={hour_of_day:02}/"),
                })
            }
        };
        if let (Some(field), ObjectPrefix::Data { value, .. }) = (&self.partition_field, prefix) {
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

    /// Formats the key of the object whose first record has the offset `first_offset`, such as
    /// `data/quotes/dt=2026-11-21/00003-00000000000000000041.json.gz`, in a directory that [`KeyLayout::directory`]
    /// returned.
    pub fn object_key(&self, directory: &str, partition: i32, first_offset: i64) -> String {
        format!("{}{first_offset:020}.{}", self.key_prefix_in(directory, partition), self.codec.extension())
    }

    /// Returns the prefix that the keys of a partition's objects in `directory` share.
    pub fn key_prefix_in(&self, directory: &str, partition: i32) -> String {
        format!("{directory}{}-", self.partition_name(partition))
    }

    /// Formats the key of a partition's ledger, such as `ledger/quotes/00003.json`.
    pub fn ledger_key(&self, topic: &str, partition: i32) -> String {
        format!("{}{LEDGER}/{topic}/{}.json", self.prefix, self.partition_name(partition))
    }

    /// Formats the key of the probe object, which the sink uses to check whether a server honours conditional writes.
    pub fn probe_key(&self, topic: &str) -> String {
        format!("{}{LEDGER}/{topic}/{PROBE}", self.prefix)
    }

    /// Returns the layout text that ledgers store, such as `dt=*/*.json.gz field-names=ignore-case metadata=key`: the
    /// pattern of object keys, followed by the rule for field names unless it is `exact`, and by the metadata unless it
    /// is `none`. Sinks with different layout texts would write different sequences of objects, so they must not
    /// continue each other's ledgers. See [`parse_ledger_layout`].
    pub fn ledger_layout(&self) -> String {
        let mut text = self.pattern();
        let LineRules { field_names, metadata } = self.line_rules();
        if field_names != FieldNames::Exact {
            text.push_str(FIELD_NAMES);
            text.push_str(field_names.name());
        }
        if metadata != Metadata::NONE {
            text.push_str(METADATA);
            text.push_str(metadata.name());
        }
        text
    }

    /// Returns the settings that determine an object's content, but not its key.
    pub fn line_rules(&self) -> LineRules {
        LineRules { field_names: self.field_names, metadata: self.metadata }
    }

    /// Returns the pattern of object keys, such as `dt=*/hour=*/by_sector=*/*.json.gz`.
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

    /// Returns the unescaped value of the partition field, or `None` if the value is `null`, empty or [`NO_PARTITION`].
    ///
    /// # Errors
    /// [`InvalidRecord::PartitionField`] if the value is an object, an array, or too long for an object key.
    pub fn partition_value<'a>(&self, field: &Field<'a>) -> Result<Option<Cow<'a, str>>, InvalidRecord> {
        let fault = |fault| InvalidRecord::PartitionField { field: field.name().into_owned(), fault };
        match field.kind {
            Kind::Null => Ok(None),
            Kind::Object | Kind::Array => Err(fault("neither an object nor an array can name a partition")),
            Kind::String | Kind::Number | Kind::Boolean => {
                let text = field.text();
                // Hive's name for no value, so the record gets the same object prefix as one without the field.
                if text == NO_PARTITION {
                    return Ok(None);
                }
                let escaped_length: usize = hive_escape(&text).map(str::len).sum();
                if escaped_length > MAX_PARTITION_VALUE_LEN {
                    return Err(fault("its value is too long to be part of an object key"));
                }
                Ok((!text.is_empty()).then_some(text))
            }
        }
    }
}

/// Converts a path to a key prefix, which ends in a slash. Removes leading slashes, because S3 would treat a leading
/// slash as a folder with an empty name. Returns `None` if the path is empty or consists of slashes, contains a control
/// character, or has a part that is empty, `.` or `..`.
pub fn parse_prefix(path: &str) -> Option<String> {
    let path = path.trim_matches('/');
    let is_path = !path.is_empty()
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
        && !path.chars().any(char::is_control);
    is_path.then(|| format!("{path}/"))
}

/// Separates the pattern of object keys from the rules that follow it in a ledger's layout text. A rule that this
/// version does not know remains part of the pattern.
pub fn parse_ledger_layout(layout: &str) -> LedgerLayout<'_> {
    let known = layout.rsplit_once(METADATA).and_then(|(rest, name)| {
        let metadata = Metadata::ALL[1..].iter().find(|metadata| metadata.name() == name)?;
        Some((rest, *metadata))
    });
    let (rest, metadata) = known.unwrap_or((layout, Metadata::NONE));
    let known = rest.rsplit_once(FIELD_NAMES).and_then(|(pattern, rule)| Some((pattern, rule.parse().ok()?)));
    let (pattern, field_names) = known.unwrap_or((rest, FieldNames::Exact));
    LedgerLayout { pattern, rules: LineRules { field_names, metadata } }
}

/// Returns `true` for the file name of a probe object: `_probe`, or a name that begins with it.
pub fn is_probe_name(name: &str) -> bool {
    name.starts_with(PROBE)
}

/// Parses the file name of an object into generation, partition and first offset. Returns `None` for any other name.
/// Does not check the extension or the number of digits.
pub fn parse_name(name: &str) -> Option<(u32, i32, i64)> {
    let (generation, rest) = parse_generation(name.split_once('.')?.0)?;
    let (partition, offset) = rest.split_once('-')?;
    Some((generation, partition.parse().ok()?, offset.parse().ok()?))
}

/// Parses the file name of a ledger into generation and partition. Returns `None` for any other name.
pub fn parse_ledger_name(name: &str) -> Option<(u32, i32)> {
    let (generation, partition) = parse_generation(name.strip_suffix(".json")?)?;
    Some((generation, partition.parse().ok()?))
}

/// Formats the folder of a dropped generation, such as `trash/quotes/g2/`. The dropped objects have the keys of a lake
/// whose prefix is the original lake's prefix followed by this folder.
pub fn trash_folder(topic: &str, generation: u32) -> String {
    format!("{TRASH}/{topic}/g{generation}/")
}

/// Parses the name of a dropped generation's folder, such as `g2`. Returns `None` for any other name.
pub fn parse_trash_name(name: &str) -> Option<u32> {
    let generation = name.strip_prefix('g')?.parse().ok()?;
    (name == format!("g{generation}")).then_some(generation)
}

fn parse_generation(stem: &str) -> Option<(u32, &str)> {
    match stem.strip_prefix('g') {
        Some(rest) => rest.split_once('-').and_then(|(generation, rest)| Some((generation.parse().ok()?, rest))),
        None => Some((0, stem)),
    }
}

fn start_of_day(Hour(hour): Hour) -> Hour {
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

/// Percent-encodes the characters that Hive percent-encodes, and all non-ASCII characters, because programs disagree on
/// how to handle those in object keys and URLs.
fn hive_escape(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, HIVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOMENT: i64 = 1_764_028_800_123; // 2025-11-25T00:00:00.123Z

    #[test]
    fn key_holds_topic_date_partition_and_first_offset() {
        let layout = KeyLayout::default();
        let data = layout.data(Hour::from_timestamp(MOMENT).unwrap(), None);
        assert_eq!(
            layout.object_key(&layout.directory("quotes", &data), 3, 41),
            "data/quotes/dt=2025-11-25/00003-00000000000000000041.json.gz"
        );
        let quarantine = layout.quarantine(Hour::from_timestamp(MOMENT + 86_399_000).unwrap());
        assert_eq!(
            layout.object_key(&layout.directory("quotes", &quarantine), 3, 41),
            "quarantine/quotes/dt=2025-11-25/00003-00000000000000000041.json.gz"
        );
    }

    #[test]
    fn each_setting_adds_its_part_to_the_key() {
        let layout = KeyLayout {
            prefix: "lake/".into(),
            codec: Codec::Zstd,
            partition_by: PartitionBy::Hour,
            partition_field: Some("Sector".into()),
            generation: 2,
            field_names: FieldNames::Exact,
            metadata: Metadata::NONE,
        };
        let data = layout.data(Hour::from_timestamp(MOMENT + 7 * 3_600_000).unwrap(), Some("oil/gas 50%".into()));
        assert_eq!(
            layout.object_key(&layout.directory("t", &data), 12, 5),
            "lake/data/t/dt=2025-11-25/hour=07/by_sector=oil%2Fgas 50%25/g2-00012-00000000000000000005.json.zst"
        );
        assert_eq!(layout.ledger_key("t", 12), "lake/ledger/t/g2-00012.json");
        assert_eq!(layout.pattern(), "dt=*/hour=*/by_sector=*/*.json.zst");
        let absent = layout.data(Hour::from_timestamp(MOMENT).unwrap(), None);
        assert_eq!(
            layout.directory("t", &absent),
            "lake/data/t/dt=2025-11-25/hour=00/by_sector=__HIVE_DEFAULT_PARTITION__/"
        );
        assert_eq!(layout.directory("t", &layout.quarantine(Hour::UNKNOWN)), "lake/quarantine/t/dt=1970-01-01/");
    }

    #[test]
    fn ledger_layout_parses_back_into_its_parts() {
        let odd = "a metadata=key field-names=exact";
        let exact = KeyLayout { partition_field: Some(odd.into()), ..KeyLayout::default() };
        assert_eq!(exact.ledger_layout(), exact.pattern(), "ledgers of earlier versions have no rule");
        let both = KeyLayout {
            field_names: FieldNames::IgnoreCase,
            metadata: Metadata { key: true, headers: true },
            ..KeyLayout::default()
        };
        assert_eq!(both.ledger_layout(), "dt=*/*.json.gz field-names=ignore-case metadata=key,headers");
        for partition_field in [None, Some(odd.to_owned())] {
            for field_names in [FieldNames::Exact, FieldNames::IgnoreCase] {
                for metadata in Metadata::ALL {
                    let partition_field = partition_field.clone();
                    let layout = KeyLayout { partition_field, field_names, metadata, ..KeyLayout::default() };
                    let text = layout.ledger_layout();
                    let parts = LedgerLayout { pattern: &layout.pattern(), rules: layout.line_rules() };
                    assert_eq!(parse_ledger_layout(&text), parts);
                }
            }
        }
        for unknown in [
            "dt=*/*.json.gz field-names=none",
            "dt=*/*.json.gz metadata=none",
            "dt=*/*.json.gz metadata=headers,key",
            "dt=*/*.json.gz metadata=key field-names=exact metadata=topic",
        ] {
            let whole = LedgerLayout { pattern: unknown, rules: LineRules::default() };
            assert_eq!(parse_ledger_layout(unknown), whole);
        }
    }

    #[test]
    fn only_different_rules_are_named() {
        let old = LineRules::default();
        let metadata = Metadata { key: true, headers: false };
        let new = LineRules { metadata, ..old };
        let other = LineRules { field_names: FieldNames::IgnoreCase, metadata };
        assert_eq!(
            (new.settings_unlike(old), old.settings_unlike(new)),
            ("SINK_METADATA=key".into(), "SINK_METADATA=none".into())
        );
        assert_eq!(old.settings_unlike(other), "SINK_FIELD_NAMES=exact and SINK_METADATA=none");
        assert_eq!(new.settings_unlike(other), "SINK_FIELD_NAMES=exact");
        assert_eq!(old.settings_unlike(old), "");
    }

    #[test]
    fn name_parses_back_into_its_parts() {
        for generation in [0, 7] {
            let layout = KeyLayout { generation, ..KeyLayout::default() };
            let key = layout.object_key(&layout.directory("quotes", &layout.quarantine(Hour::UNKNOWN)), 123_456, 987);
            assert_eq!(parse_name(key.rsplit('/').next().unwrap()), Some((generation, 123_456, 987)));
        }
        for generation in [0, 7] {
            let key = KeyLayout { generation, ..KeyLayout::default() }.ledger_key("quotes", 123_456);
            assert_eq!(parse_ledger_name(key.strip_prefix("ledger/quotes/").unwrap()), Some((generation, 123_456)));
        }
        assert_eq!(parse_name("_SUCCESS"), None);
        assert_eq!(parse_name("gx-00001-00000000000000000001.json"), None);
    }

    #[test]
    fn trash_folder_parses_back_into_its_generation() {
        assert_eq!(trash_folder("quotes", 12), "trash/quotes/g12/");
        for (name, generation) in [("g0", Some(0)), ("g12", Some(12)), ("g01", None), ("g+1", None), ("12", None)] {
            assert_eq!(parse_trash_name(name), generation, "{name}");
        }
    }

    #[test]
    fn object_prefix_changes_at_midnight_utc() {
        let layout = KeyLayout::default();
        let group = |millis| layout.data(Hour::from_timestamp(MOMENT + millis).unwrap(), None);
        assert_eq!(group(0), group(86_399_876));
        assert_ne!(group(0), group(86_399_877));
    }

    #[test]
    fn timestamp_without_a_four_digit_year_has_no_hour() {
        assert_eq!(Hour::from_timestamp(-1), None);
        assert_eq!(Hour::from_timestamp(i64::MAX), None);
        assert_eq!(Hour::from_timestamp(0), Some(Hour::UNKNOWN));
        assert!(Hour::from_timestamp(253_402_300_799_999).is_some(), "9999-12-31T23:59:59.999Z");
        assert_eq!(Hour::from_timestamp(253_402_300_800_000), None);
    }

    #[test]
    fn hive_values_are_percent_encoded() {
        let text: String = (0..=0x7f_u8).map(char::from).chain("ñ€𝄞".chars()).collect();
        assert_eq!(
            hive_escape(&text).to_string(),
            concat!(
                "%00%01%02%03%04%05%06%07%08%09%0A%0B%0C%0D%0E%0F%10%11%12%13%14%15%16%17%18%19%1A%1B%1C%1D%1E%1F",
                " !%22%23$%25&%27()%2A+,-.%2F0123456789%3A;<%3D>%3F@ABCDEFGHIJKLMNOPQRSTUVWXYZ%5B%5C%5D%5E_`",
                "abcdefghijklmnopqrstuvwxyz%7B|%7D~%7F%C3%B1%E2%82%AC%F0%9D%84%9E"
            )
        );
    }
}
