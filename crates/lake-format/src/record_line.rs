//! The line of a valid record: its coordinates, followed by its own fields byte for byte.
//!
//! ```text
//! value  {"symbol":"HSI","close":2568.300049}
//! line   {"kafka_partition":3,"kafka_offset":41,"kafka_timestamp":1764028800123,"symbol":"HSI","close":2568.300049}
//!        |------------------------- LineHead::append -------------------------| `finish` replaces `{` with `,`
//! ```

use crate::field_names::is_same_name;
use crate::json::Object;
use byte_scan::digits;

/// Names of the fields that the sink writes at the start of each line. `kafka_generation` is left out if it is 0.
pub const COORDINATES: [&str; 4] = ["kafka_partition", "kafka_offset", "kafka_timestamp", "kafka_generation"];

/// A record's partition, offset and timestamp.
#[derive(Clone, Copy, Debug)]
pub struct Coordinates {
    pub partition: i32,
    pub offset: i64,
    /// Milliseconds since the Unix epoch, or -1 if the record has no timestamp.
    pub timestamp: i64,
}

/// Returns `true` if Athena cannot distinguish a field with this name from a coordinate.
pub fn is_coordinate(name: &str) -> bool {
    COORDINATES.iter().any(|coordinate| is_same_name(coordinate, name))
}

/// Writer of the start of each line of a partition: `{` and the coordinates. The caller then appends the record's value
/// and calls [`finish`].
///
/// Most records have the next offset and the same timestamp as the previous record, so the next head is prepared by
/// incrementing the offset in place.
#[derive(Debug, Default)]
pub struct LineHead {
    next: Vec<u8>,
    /// Index in `next` just past the digits of `kafka_offset`, or `None` if `next` is not prepared.
    offset_end: Option<usize>,
    offset: i64,
    timestamp: i64,
}

impl LineHead {
    /// Appends the head of a record's line to `out`. `generation` must be the same in every call.
    #[inline]
    pub fn append(&mut self, record: &Coordinates, generation: u32, out: &mut Vec<u8>) {
        let end = match self.offset_end {
            Some(end) if (record.offset, record.timestamp) == (self.offset, self.timestamp) => end,
            _ => self.format(record, generation),
        };
        out.extend_from_slice(&self.next);
        self.offset_end = digits::increment(&mut self.next[..end]).then_some(end);
        self.offset = record.offset + 1;
        self.timestamp = record.timestamp;
    }

    /// Formats the start of a record's line, up to the record's own fields, into `next`. Returns the index in `next`
    /// just past the digits of `kafka_offset`.
    fn format(&mut self, record: &Coordinates, generation: u32) -> usize {
        self.next.clear();
        self.next.push(b'{');
        append_coordinates(record, generation, &mut self.next)
    }
}

/// Completes a line in `out`, which contains the coordinates, any metadata, and, from index `value` on, the JSON value.
/// Merges them into one object and appends a line feed. `object` is the result of validating the value.
pub fn finish(value: usize, object: &Object, out: &mut Vec<u8>) {
    out.truncate(value + object.range.end);
    if object.has_line_breaks {
        replace_line_breaks(&mut out[value..]);
    }
    // A comma replaces the opening brace. Only white space, which is rare, can precede the brace.
    let before = object.range.start + usize::from(object.is_empty);
    if before > 0 {
        out.drain(value..value + before);
    }
    if !object.is_empty {
        out[value] = b',';
    }
    out.push(b'\n');
}

/// Appends `"kafka_partition":3,"kafka_offset":41,"kafka_timestamp":1764028800123`, and the generation if it is not 0.
/// Returns the index in `out` just past the digits of `kafka_offset`.
pub fn append_coordinates(record: &Coordinates, generation: u32, out: &mut Vec<u8>) -> usize {
    let mut digits = itoa::Buffer::new();
    out.extend_from_slice(b"\"kafka_partition\":");
    out.extend_from_slice(digits.format(record.partition).as_bytes());
    out.extend_from_slice(b",\"kafka_offset\":");
    out.extend_from_slice(digits.format(record.offset).as_bytes());
    let offset_end = out.len();
    out.extend_from_slice(b",\"kafka_timestamp\":");
    out.extend_from_slice(digits.format(record.timestamp).as_bytes());
    if generation > 0 {
        out.extend_from_slice(b",\"kafka_generation\":");
        out.extend_from_slice(digits.format(generation).as_bytes());
    }
    offset_end
}

/// Returns the offset in a stored line of a valid or invalid record, or `None` if the line has no offset. No text from
/// the record's value precedes the offset, so none can be mistaken for it.
pub fn offset(line: &[u8]) -> Option<i64> {
    const NAME: &[u8] = b"\"kafka_offset\":";
    let start = line.windows(NAME.len()).position(|window| window == NAME)? + NAME.len();
    let digits = &line[start..];
    let end = digits.iter().position(|byte| !byte.is_ascii_digit() && *byte != b'-')?;
    std::str::from_utf8(&digits[..end]).ok()?.parse().ok()
}

/// Replaces the line breaks in JSON with spaces. In valid JSON, every line break is white space.
pub fn replace_line_breaks(json: &mut [u8]) {
    json.iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{IgnoreFields, validate};
    use proptest::prelude::*;

    fn record(partition: i32, offset: i64) -> Coordinates {
        Coordinates { partition, offset, timestamp: 1_764_028_800_123 }
    }

    fn line(value: &str, generation: u32) -> String {
        let object = validate(value, &mut IgnoreFields).unwrap();
        let mut out = b"before\n".to_vec();
        LineHead::default().append(&record(3, 41), generation, &mut out);
        let start = out.len();
        out.extend_from_slice(value.as_bytes());
        finish(start, &object, &mut out);
        out.drain(..b"before\n".len());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn line_is_coordinates_then_the_value_byte_for_byte() {
        assert_eq!(
            line(r#" {"symbol":"HSI","close":2568.300049, "x":1.0E+2} "#, 0),
            "{\"kafka_partition\":3,\"kafka_offset\":41,\"kafka_timestamp\":1764028800123,\"symbol\":\"HSI\",\"close\":2568.300049, \"x\":1.0E+2}\n"
        );
    }

    #[test]
    fn names_are_compared_as_athena_lower_cases_them() {
        for name in ["kafka_offset", "KAFKA_Generation", "\u{212a}afka_partition"] {
            assert!(is_coordinate(name), "{name}");
        }
        for name in ["kafka_offset_", "kafka_topic", "käfka_offset", ""] {
            assert!(!is_coordinate(name), "{name}");
        }
    }

    #[test]
    fn offset_is_not_mistaken_for_a_field_of_the_record() {
        assert_eq!(offset(line(r#"{"a":"\"kafka_offset\":7"}"#, 3).as_bytes()), Some(41));
        for text in ["", "{}", "{\"kafka_offset\":", "{\"kafka_offset\":1", "{\"kafka_offset\":\"1\"}"] {
            assert_eq!(offset(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn empty_object_gets_no_comma() {
        assert_eq!(line("{}", 0), "{\"kafka_partition\":3,\"kafka_offset\":41,\"kafka_timestamp\":1764028800123}\n");
        assert_eq!(line("{\n}", 0), "{\"kafka_partition\":3,\"kafka_offset\":41,\"kafka_timestamp\":1764028800123 }\n");
    }

    #[test]
    fn raw_line_breaks_become_spaces() {
        assert_eq!(line("{\r\n\"a\":1,\n\"b\":\"x\\n\"}", 0).matches('\n').count(), 1);
        assert!(line("{\"a\":1,\n\"b\":\"x\\n\"}", 0).ends_with(",\"a\":1, \"b\":\"x\\n\"}\n"));
    }

    #[test]
    fn generation_above_zero_is_a_coordinate() {
        assert!(line("{\"a\":1}", 7).contains("1764028800123,\"kafka_generation\":7,\"a\""));
    }

    proptest! {
        #[test]
        fn line_head_does_not_depend_on_the_records_before(
            first in prop_oneof![0..200_i64, 0..i64::MAX - 1_000],
            steps in prop::collection::vec((prop_oneof![8 => Just(1), 1 => -9..9_i64], prop_oneof![8 => Just(0), 1 => -3..3_i64]), 1..40),
            generation in 0..2_u32,
        ) {
            let (mut head, mut lines, mut expected) = (LineHead::default(), Vec::new(), Vec::new());
            let mut record = record(3, first);
            for (step, later) in steps {
                record.offset = (record.offset + step).max(0);
                record.timestamp += later;
                head.append(&record, generation, &mut lines);
                expected.push(b'{');
                append_coordinates(&record, generation, &mut expected);
            }
            prop_assert_eq!(str::from_utf8(&lines), str::from_utf8(&expected));
        }
    }
}
