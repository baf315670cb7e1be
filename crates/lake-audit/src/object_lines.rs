//! Checks the lines of an object.

use commit_protocol::MAX_OBJECT_SPAN;
use lake_format::keys::Hour;
use lake_store::Area;
use serde::Deserialize;

use crate::finding_kind::FindingKind;
use crate::objects::Object;

const MILLIS_PER_DAY: i64 = 86_400_000;
const MILLIS_PER_HOUR: i64 = 3_600_000;

/// A record's Kafka coordinates, as stored in its line.
#[derive(Deserialize)]
struct Coordinates {
    #[serde(default)]
    kafka_topic: Option<String>,
    kafka_partition: i32,
    kafka_offset: i64,
    kafka_timestamp: i64,
    #[serde(default)]
    kafka_generation: u32,
}

/// Reason that the sink cannot have written a line.
#[derive(Debug, thiserror::Error)]
enum LineError {
    #[error(transparent)]
    Utf8(#[from] std::str::Utf8Error),
    #[error("the line does not begin with {0}")]
    Beginning(&'static str),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// A problem with an object's lines.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) kind: FindingKind,
    /// Number of lines with the problem.
    lines: u64,
    /// Description of the first of these lines.
    first: String,
}

impl Problem {
    pub(crate) fn text(&self) -> String {
        match self.lines {
            0 | 1 => self.first.clone(),
            2 => format!("{}; 1 more line has the same problem", self.first),
            lines => format!("{}; {} more lines have the same problem", self.first, lines - 1),
        }
    }
}

/// The problems of an object, at most one of each kind.
#[derive(Debug, Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn add(&mut self, kind: FindingKind, first: impl FnOnce() -> String) {
        match self.0.iter_mut().find(|problem| problem.kind == kind) {
            Some(problem) => problem.lines += 1,
            None => self.0.push(Problem { kind, lines: 1, first: first() }),
        }
    }
}

/// Checks an object's lines. Calls `record` with the offset and the line of each record that belongs to the object's
/// partition and is less than [`MAX_OBJECT_SPAN`] offsets away from the offset in the object's name.
pub(crate) fn check(topic: &str, object: &Object, text: &[u8], mut record: impl FnMut(i64, &[u8])) -> Vec<Problem> {
    let mut problems = Problems::default();
    let mut before = None;
    for (number, line) in (1..).zip(text.split_inclusive(|byte| *byte == b'\n')) {
        let Some(line) = line.strip_suffix(b"\n") else {
            problems.add(FindingKind::Damaged, || format!("line {number} has no line feed: the object is truncated"));
            continue;
        };
        let at = match coordinates(object.area, line) {
            Ok(at) => at,
            Err(error) => {
                problems
                    .add(FindingKind::ForeignLine, || format!("line {number} was not written by the sink: {error}"));
                continue;
            }
        };
        let (partition, offset, generation) = (at.kafka_partition, at.kafka_offset, at.kafka_generation);
        let other_topic = at.kafka_topic.filter(|other| other != topic && object.area == Area::Quarantine);
        if partition != object.partition || generation != object.generation || other_topic.is_some() {
            let topic = other_topic.as_deref().unwrap_or(topic);
            problems.add(FindingKind::OtherPartition, || {
                format!("line {number} belongs to {topic}/{partition}, offset {offset}, generation {generation}")
            });
            continue;
        }
        if before.is_none() && offset != object.first {
            problems.add(FindingKind::WrongOffset, || {
                format!("the first record has offset {offset}, but the object's name has {}", object.first)
            });
        }
        if before.is_some_and(|before| offset <= before) {
            let before = before.unwrap_or_default();
            problems.add(FindingKind::OutOfOrder, || format!("line {number} has offset {offset}, after {before}"));
        }
        before = before.max(Some(offset));
        if offset < 0 || offset.saturating_sub(object.first).saturating_abs() >= MAX_OBJECT_SPAN {
            problems.add(FindingKind::TooWide, || {
                format!(
                    "line {number} has offset {offset}; expected an offset of at least 0 and less than {MAX_OBJECT_SPAN} away \
                     from {}, the offset in the object's name",
                    object.first
                )
            });
            continue;
        }
        if !belongs_in_folder(object, at.kafka_timestamp) {
            let timestamp = at.kafka_timestamp;
            problems.add(FindingKind::WrongFolder, || {
                format!(
                    "line {number}, offset {offset}, has a timestamp that does not belong in its folder: {timestamp}"
                )
            });
        }
        record(offset, line);
    }
    if before.is_none() && problems.0.is_empty() {
        problems.add(FindingKind::Damaged, || "the object has no records".to_owned());
    }
    problems.0
}

fn coordinates(area: Area, line: &[u8]) -> Result<Coordinates, LineError> {
    let beginning = match area {
        Area::Data => "{\"kafka_partition\":",
        Area::Quarantine => "{\"kafka_topic\":",
    };
    let text = std::str::from_utf8(line)?;
    if !text.starts_with(beginning) {
        return Err(LineError::Beginning(beginning));
    }
    Ok(serde_json::from_str(text)?)
}

/// Returns `true` if a record with this timestamp belongs in the object's `dt=` and `hour=` folders.
fn belongs_in_folder(object: &Object, timestamp: i64) -> bool {
    let day = match (Hour::from_timestamp(timestamp), object.area) {
        (Some(_), _) => timestamp.div_euclid(MILLIS_PER_DAY),
        (None, Area::Quarantine) => 0,
        (None, Area::Data) => return false,
    };
    let hour = timestamp.rem_euclid(MILLIS_PER_DAY) / MILLIS_PER_HOUR;
    day == object.day && object.hour.is_none_or(|of_folder| of_folder == hour)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::{Generations, Pass};

    const SENT: i64 = 1_764_028_800_123; // 2025-11-25

    fn object(key: &str) -> Object {
        let area = if key.starts_with("data") { Area::Data } else { Area::Quarantine };
        let mut pass = Pass::new(None, 1, Generations::default());
        assert!(pass.add(area, &format!("{}/q/", area.folder()), key, 1));
        pass.finish().0.pop_first().unwrap()
    }

    fn data() -> Object {
        object("data/q/dt=2025-11-25/00003-00000000000000000010.json")
    }

    fn line(partition: i32, offset: i64, timestamp: i64) -> String {
        format!(
            "{{\"kafka_partition\":{partition},\"kafka_offset\":{offset},\"kafka_timestamp\":{timestamp},\"a\":1}}\n"
        )
    }

    fn found(object: &Object, text: &str) -> (Vec<i64>, Vec<(FindingKind, String)>) {
        let mut offsets = Vec::new();
        let problems = check("q", object, text.as_bytes(), |offset, _| offsets.push(offset));
        (offsets, problems.iter().map(|problem| (problem.kind, problem.text())).collect())
    }

    #[test]
    fn objects_of_the_sink_have_no_problem() {
        let text: String = [10, 12, 99].map(|offset| line(3, offset, SENT)).concat();
        assert_eq!(found(&data(), &text), (vec![10, 12, 99], vec![]));
        let hour = object("data/q/dt=2025-11-25/hour=23/00003-00000000000000000010.json");
        assert_eq!(found(&hour, &line(3, 10, SENT + 23 * MILLIS_PER_HOUR)).1, []);
        let quarantined = object("quarantine/q/dt=1970-01-01/g2-00003-00000000000000000010.json");
        let text = "{\"kafka_topic\":\"q\",\"kafka_partition\":3,\"kafka_offset\":10,\"kafka_timestamp\":-1,\"kafka_generation\":2,\"reason\":\"\"}\n";
        assert_eq!(found(&quarantined, text), (vec![10], vec![]));
    }

    #[test]
    fn problem_names_its_line_and_keeps_the_others() {
        let good = line(3, 10, SENT);
        let hour = object("data/q/dt=2025-11-25/hour=23/00003-00000000000000000010.json");
        for (object, text, kind, problem, offsets) in [
            (
                data(),
                good.clone() + "{\"a\":1}\n" + &*line(3, 11, SENT),
                FindingKind::ForeignLine,
                "line 2 was not written by the sink",
                vec![10, 11],
            ),
            (
                data(),
                good.clone() + "{\"kafka_partition\":3,\"kafka_offset\":1\n",
                FindingKind::ForeignLine,
                "line 2",
                vec![10],
            ),
            (
                data(),
                good.clone() + &*line(4, 11, SENT),
                FindingKind::OtherPartition,
                "line 2 belongs to q/4, offset 11",
                vec![10],
            ),
            (
                data(),
                line(3, 9, SENT),
                FindingKind::WrongOffset,
                "first record has offset 9, but the object's name has 10",
                vec![9],
            ),
            (
                data(),
                good.clone() + &*line(3, 12, SENT) + &*line(3, 11, SENT),
                FindingKind::OutOfOrder,
                "line 3 has offset 11, after 12",
                vec![10, 12, 11],
            ),
            (
                data(),
                good.clone() + &*line(3, 100_010, SENT),
                FindingKind::TooWide,
                "line 2 has offset 100010",
                vec![10],
            ),
            (data(), good.clone() + &*line(3, i64::MIN, SENT), FindingKind::OutOfOrder, "line 2", vec![10]),
            (data(), line(3, 10, SENT - 1_000), FindingKind::WrongFolder, "line 1, offset 10", vec![10]),
            (data(), line(3, 10, -1), FindingKind::WrongFolder, "line 1, offset 10", vec![10]),
            (hour, good.clone(), FindingKind::WrongFolder, "line 1, offset 10", vec![10]),
            (data(), String::new(), FindingKind::Damaged, "has no record", vec![]),
            (data(), good.clone() + good.trim_end(), FindingKind::Damaged, "line 2 has no line feed", vec![10]),
        ] {
            let (seen, problems) = found(&object, &text);
            assert_eq!(seen, offsets, "{text}");
            assert_eq!(problems[0].0, kind, "{text}");
            assert!(problems[0].1.contains(problem), "{problems:?}");
        }
    }

    #[test]
    fn lines_with_one_problem_are_one_finding() {
        let text = line(4, 10, SENT).repeat(5);
        let (_, problems) = found(&data(), &text);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].1.ends_with("; 4 more lines have the same problem"), "{problems:?}");
    }
}
