//! The line of a good record: its coordinates spliced in front of its own fields, byte for byte.

use crate::json::Object;
use byte_scan::digits;

/// The fields that the sink puts first into every line.
pub const COORDINATES: [&str; 4] = ["kafka_partition", "kafka_offset", "kafka_timestamp", "kafka_generation"];

/// The place of a record in its topic, and its time.
#[derive(Clone, Copy, Debug)]
pub struct Coordinates {
    /// The partition's number.
    pub partition: i32,
    /// The record's offset in its partition.
    pub offset: i64,
    /// Milliseconds since 1970; -1 where the record has none.
    pub timestamp: i64,
}

/// A field of a record that Athena could not tell from one of the sink's own.
pub fn is_coordinate(name: &str) -> bool {
    COORDINATES.iter().any(|coordinate| is_same_name(coordinate, name))
}

/// Names that Athena takes for one: it lower-cases them, and not only in ASCII (the Kelvin sign is a k).
pub fn is_same_name(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b) || (!(a.is_ascii() && b.is_ascii()) && a.to_lowercase() == b.to_lowercase())
}

/// What a partition's lines begin with: `{` and the coordinates. A record's value follows, and then [`end`].
///
/// The next one is made beforehand: most records are one offset on from the one before, and of the same millisecond.
#[derive(Debug, Default)]
pub struct Head {
    next: Vec<u8>,
    /// Where the offset ends in it; none if it is not made.
    offset_end: Option<usize>,
    offset: i64,
    timestamp: i64,
}

impl Head {
    /// Appends the head of a record of the partition.
    #[inline]
    pub fn begin(&mut self, record: &Coordinates, generation: u32, out: &mut Vec<u8>) {
        let end = match self.offset_end {
            Some(end) if (record.offset, record.timestamp) == (self.offset, self.timestamp) => end,
            _ => self.write(record, generation),
        };
        out.extend_from_slice(&self.next);
        self.offset_end = digits::increment(&mut self.next[..end]).then_some(end);
        self.offset = record.offset + 1;
        self.timestamp = record.timestamp;
    }

    fn write(&mut self, record: &Coordinates, generation: u32) -> usize {
        self.next.clear();
        self.next.push(b'{');
        coordinates(record, generation, &mut self.next)
    }
}

/// Makes one line of the coordinates and the value that follows them from `value` on, which holds this object.
pub fn end(value: usize, object: &Object, out: &mut Vec<u8>) {
    out.truncate(value + object.range.end);
    if object.has_line_breaks {
        on_one_line(&mut out[value..]);
    }
    // The comma takes the place of the brace. What stands before the brace is white space, and rare.
    let before = object.range.start + usize::from(object.is_empty);
    if before > 0 {
        out.drain(value..value + before);
    }
    if !object.is_empty {
        out[value] = b',';
    }
    out.push(b'\n');
}

/// Appends `"kafka_partition":3,"kafka_offset":41,"kafka_timestamp":1764028800123`, and the generation
/// where it is not 0. Tells where the offset ends.
pub fn coordinates(record: &Coordinates, generation: u32, out: &mut Vec<u8>) -> usize {
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

/// The offset that a stored line tells, of good records and of poison alike. Nothing that a record can hold
/// comes before it.
pub fn offset(line: &[u8]) -> Option<i64> {
    const NAME: &[u8] = b"\"kafka_offset\":";
    let start = line.windows(NAME.len()).position(|window| window == NAME)? + NAME.len();
    let digits = &line[start..];
    let end = digits.iter().position(|byte| !byte.is_ascii_digit() && *byte != b'-')?;
    std::str::from_utf8(&digits[..end]).ok()?.parse().ok()
}

/// Makes the line breaks of JSON, which can only be white space, spaces.
pub fn on_one_line(json: &mut [u8]) {
    json.iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{IgnoreFields, check};
    use proptest::prelude::*;

    fn record(partition: i32, offset: i64) -> Coordinates {
        Coordinates { partition, offset, timestamp: 1_764_028_800_123 }
    }

    fn line(value: &str, generation: u32) -> String {
        let object = check(value, &mut IgnoreFields).unwrap();
        let mut out = b"before\n".to_vec();
        Head::default().begin(&record(3, 41), generation, &mut out);
        let start = out.len();
        out.extend_from_slice(value.as_bytes());
        end(start, &object, &mut out);
        out.drain(..b"before\n".len());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn coordinates_come_first_and_the_rest_stays_byte_for_byte() {
        assert_eq!(
            line(r#" {"symbol":"HSI","close":2568.300049, "x":1.0E+2} "#, 0),
            "{\"kafka_partition\":3,\"kafka_offset\":41,\"kafka_timestamp\":1764028800123,\"symbol\":\"HSI\",\"close\":2568.300049, \"x\":1.0E+2}\n"
        );
    }

    #[test]
    fn names_are_the_same_that_athena_lower_cases_to_the_same() {
        for name in ["kafka_offset", "KAFKA_Generation", "\u{212a}afka_partition"] {
            assert!(is_coordinate(name), "{name}");
        }
        for name in ["kafka_offset_", "kafka_topic", "käfka_offset", ""] {
            assert!(!is_coordinate(name), "{name}");
        }
        assert!(is_same_name("größe", "GRÖßE") && !is_same_name("größe", "grösse"));
    }

    #[test]
    fn a_line_tells_its_offset_and_nothing_in_the_record_can_tell_another() {
        assert_eq!(offset(line(r#"{"a":"\"kafka_offset\":7"}"#, 3).as_bytes()), Some(41));
        for text in ["", "{}", "{\"kafka_offset\":", "{\"kafka_offset\":1", "{\"kafka_offset\":\"1\"}"] {
            assert_eq!(offset(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn an_empty_object_gets_no_comma() {
        assert_eq!(line("{}", 0), "{\"kafka_partition\":3,\"kafka_offset\":41,\"kafka_timestamp\":1764028800123}\n");
        assert_eq!(line("{\n}", 0), "{\"kafka_partition\":3,\"kafka_offset\":41,\"kafka_timestamp\":1764028800123 }\n");
    }

    #[test]
    fn raw_line_breaks_become_spaces() {
        assert_eq!(line("{\r\n\"a\":1,\n\"b\":\"x\\n\"}", 0).matches('\n').count(), 1);
        assert!(line("{\"a\":1,\n\"b\":\"x\\n\"}", 0).ends_with(",\"a\":1, \"b\":\"x\\n\"}\n"));
    }

    #[test]
    fn a_generation_above_zero_is_told() {
        assert!(line("{\"a\":1}", 7).contains("1764028800123,\"kafka_generation\":7,\"a\""));
    }

    proptest! {
        #[test]
        fn what_came_before_changes_nothing_of_a_lines_head(
            first in prop_oneof![0..200_i64, 0..i64::MAX - 1_000],
            steps in prop::collection::vec((prop_oneof![8 => Just(1), 1 => -9..9_i64], prop_oneof![8 => Just(0), 1 => -3..3_i64]), 1..40),
            generation in 0..2_u32,
        ) {
            let (mut head, mut lines, mut expected) = (Head::default(), Vec::new(), Vec::new());
            let mut record = record(3, first);
            for (on, later) in steps {
                record.offset = (record.offset + on).max(0);
                record.timestamp += later;
                head.begin(&record, generation, &mut lines);
                expected.push(b'{');
                coordinates(&record, generation, &mut expected);
            }
            prop_assert_eq!(str::from_utf8(&lines), str::from_utf8(&expected));
        }
    }
}
