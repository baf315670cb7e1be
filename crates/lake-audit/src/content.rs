//! What is in an object, line by line, and what should not be. Pure.

use commit_protocol::MAX_OBJECT_SPAN;
use lake_format::keys::Hour;
use serde::Deserialize;

use crate::finding_kind::Kind;
use crate::objects::Object;
use lake_store::Area;

const DAY: i64 = 86_400_000;
const HOUR: i64 = 3_600_000;

/// Where a record stood in Kafka, as its line tells.
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

/// Something that lines of an object should not be, told by the first of them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: Kind,
    /// How many lines it is true of.
    lines: u64,
    first: String,
}

impl Fault {
    pub(crate) fn text(&self) -> String {
        match self.lines {
            0 | 1 => self.first.clone(),
            lines => format!("{}; so are {} more lines", self.first, lines - 1),
        }
    }
}

/// The faults of an object, one of each kind.
#[derive(Debug, Default)]
struct Faults(Vec<Fault>);

impl Faults {
    fn add(&mut self, kind: Kind, first: impl FnOnce() -> String) {
        match self.0.iter_mut().find(|fault| fault.kind == kind) {
            Some(fault) => fault.lines += 1,
            None => self.0.push(Fault { kind, lines: 1, first: first() }),
        }
    }
}

/// Reads an object's lines; shows the offset and the bytes of each that is a record of its partition, fewer
/// than [`MAX_OBJECT_SPAN`] offsets from where its name says that it begins.
pub(crate) fn read(topic: &str, object: &Object, text: &[u8], mut show: impl FnMut(i64, &[u8])) -> Vec<Fault> {
    let mut faults = Faults::default();
    let mut before = None;
    for (number, line) in (1..).zip(text.split_inclusive(|byte| *byte == b'\n')) {
        let Some(line) = line.strip_suffix(b"\n") else {
            faults.add(Kind::Damaged, || format!("line {number} has no end: the object is cut short"));
            continue;
        };
        let at = match coordinates(object.area, line) {
            Ok(at) => at,
            Err(fault) => {
                faults.add(Kind::ForeignLine, || format!("line {number} is no line of the sink's: {fault}"));
                continue;
            }
        };
        let (partition, offset, generation) = (at.kafka_partition, at.kafka_offset, at.kafka_generation);
        let other_topic = at.kafka_topic.filter(|other| other != topic && object.area == Area::Quarantine);
        if partition != object.partition || generation != object.generation || other_topic.is_some() {
            let topic = other_topic.as_deref().unwrap_or(topic);
            faults.add(Kind::OtherPartition, || {
                format!("line {number} is of {topic}/{partition}, offset {offset}, generation {generation}")
            });
            continue;
        }
        if before.is_none() && offset != object.first {
            faults.add(Kind::WrongOffset, || {
                format!("its first record is offset {offset}, its name tells {}", object.first)
            });
        }
        if before.is_some_and(|before| offset <= before) {
            let before = before.unwrap_or_default();
            faults.add(Kind::OutOfOrder, || format!("line {number} is offset {offset}, after {before}"));
        }
        before = before.max(Some(offset));
        if offset < 0 || offset.saturating_sub(object.first).saturating_abs() >= MAX_OBJECT_SPAN {
            faults.add(Kind::TooWide, || {
                format!(
                    "line {number} is offset {offset}, {MAX_OBJECT_SPAN} or more from the {} of its name",
                    object.first
                )
            });
            continue;
        }
        if !is_at_home(object, at.kafka_timestamp) {
            let time = at.kafka_timestamp;
            faults.add(Kind::WrongFolder, || {
                format!("line {number}, offset {offset}, was sent at another time than its folder's: {time}")
            });
        }
        show(offset, line);
    }
    if before.is_none() && faults.0.is_empty() {
        faults.add(Kind::Damaged, || "it holds no record".to_owned());
    }
    faults.0
}

fn coordinates(area: Area, line: &[u8]) -> Result<Coordinates, String> {
    let begins = match area {
        Area::Data => "{\"kafka_partition\":",
        Area::Quarantine => "{\"kafka_topic\":",
    };
    let text = std::str::from_utf8(line).map_err(|error| error.to_string())?;
    if !text.starts_with(begins) {
        return Err(format!("it does not begin with {begins}"));
    }
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// Whether a record sent at this moment belongs into the object's `dt=` and `hour=`.
fn is_at_home(object: &Object, timestamp: i64) -> bool {
    let day = match (Hour::from_timestamp(timestamp), object.area) {
        (Some(_), _) => timestamp.div_euclid(DAY),
        (None, Area::Quarantine) => 0,
        (None, Area::Data) => return false,
    };
    let hour = timestamp.rem_euclid(DAY) / HOUR;
    day == object.day && object.hour.is_none_or(|home| home == hour)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::Pass;

    const SENT: i64 = 1_764_028_800_123; // 2025-11-25

    fn object(key: &str) -> Object {
        let area = if key.starts_with("data") { Area::Data } else { Area::Quarantine };
        let mut pass = Pass::new(None, 1, None);
        assert!(pass.see(area, &format!("{}/q/", area.folder()), key, 1));
        pass.end().0.pop_first().unwrap()
    }

    fn data() -> Object {
        object("data/q/dt=2025-11-25/00003-00000000000000000010.json")
    }

    fn line(partition: i32, offset: i64, timestamp: i64) -> String {
        format!(
            "{{\"kafka_partition\":{partition},\"kafka_offset\":{offset},\"kafka_timestamp\":{timestamp},\"a\":1}}\n"
        )
    }

    fn found(object: &Object, text: &str) -> (Vec<i64>, Vec<(Kind, String)>) {
        let mut offsets = Vec::new();
        let faults = read("q", object, text.as_bytes(), |offset, _| offsets.push(offset));
        (offsets, faults.iter().map(|fault| (fault.kind, fault.text())).collect())
    }

    #[test]
    fn what_the_sink_writes_has_no_fault() {
        let text: String = [10, 12, 99].map(|offset| line(3, offset, SENT)).concat();
        assert_eq!(found(&data(), &text), (vec![10, 12, 99], vec![]));
        let hour = object("data/q/dt=2025-11-25/hour=23/00003-00000000000000000010.json");
        assert_eq!(found(&hour, &line(3, 10, SENT + 23 * HOUR)).1, []);
        let aside = object("quarantine/q/dt=1970-01-01/g2-00003-00000000000000000010.json");
        let text = "{\"kafka_topic\":\"q\",\"kafka_partition\":3,\"kafka_offset\":10,\"kafka_timestamp\":-1,\"kafka_generation\":2,\"reason\":\"\"}\n";
        assert_eq!(found(&aside, text), (vec![10], vec![]));
    }

    #[test]
    fn each_fault_is_named_with_its_line_and_the_other_lines_still_count() {
        let good = line(3, 10, SENT);
        let hour = object("data/q/dt=2025-11-25/hour=23/00003-00000000000000000010.json");
        for (object, text, kind, fault, offsets) in [
            (
                data(),
                good.clone() + "{\"a\":1}\n" + &*line(3, 11, SENT),
                Kind::ForeignLine,
                "line 2 is no line",
                vec![10, 11],
            ),
            (
                data(),
                good.clone() + "{\"kafka_partition\":3,\"kafka_offset\":1\n",
                Kind::ForeignLine,
                "line 2",
                vec![10],
            ),
            (data(), good.clone() + &*line(4, 11, SENT), Kind::OtherPartition, "line 2 is of q/4, offset 11", vec![10]),
            (data(), line(3, 9, SENT), Kind::WrongOffset, "first record is offset 9, its name tells 10", vec![9]),
            (
                data(),
                good.clone() + &*line(3, 12, SENT) + &*line(3, 11, SENT),
                Kind::OutOfOrder,
                "line 3 is offset 11, after 12",
                vec![10, 12, 11],
            ),
            (data(), good.clone() + &*line(3, 100_010, SENT), Kind::TooWide, "line 2 is offset 100010", vec![10]),
            (data(), good.clone() + &*line(3, i64::MIN, SENT), Kind::OutOfOrder, "line 2", vec![10]),
            (data(), line(3, 10, SENT - 1_000), Kind::WrongFolder, "line 1, offset 10", vec![10]),
            (data(), line(3, 10, -1), Kind::WrongFolder, "line 1, offset 10", vec![10]),
            (hour, good.clone(), Kind::WrongFolder, "line 1, offset 10", vec![10]),
            (data(), String::new(), Kind::Damaged, "holds no record", vec![]),
            (data(), good.clone() + good.trim_end(), Kind::Damaged, "line 2 has no end", vec![10]),
        ] {
            let (seen, faults) = found(&object, &text);
            assert_eq!(seen, offsets, "{text}");
            assert_eq!(faults[0].0, kind, "{text}");
            assert!(faults[0].1.contains(fault), "{faults:?}");
        }
    }

    #[test]
    fn many_lines_with_one_fault_are_one_finding() {
        let text = line(4, 10, SENT).repeat(5);
        let (_, faults) = found(&data(), &text);
        assert_eq!(faults.len(), 1);
        assert!(faults[0].1.ends_with("; so are 4 more lines"), "{faults:?}");
    }
}
