//! Which objects may hold a record, and where in one it stands. Pure.
//!
//! An object's name tells the offset of its first record, not of its last, so the candidates are, in
//! each folder, the object that begins last at or before the wanted offset, and every other one that
//! begins less than a batch before it: what stands in two objects, as a lake written before there were
//! ledgers can have it, is told of both.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use lake_format::keys::parse_name;
use serde::{Deserialize, Serialize};

/// Offsets that one object spans at most: Lambda's largest batch. (Offsets that the topic itself lacks
/// make it more; then the object is still the last one that begins before them.)
const LONGEST: i64 = 10_000;

/// The record that is looked for; the topic is known by the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The partition's number.
    pub partition: i32,
    /// The record's place in it.
    pub offset: i64,
    /// Which of the topic's generations; all where it is not said.
    pub generation: Option<u32>,
}

impl Wanted {
    /// Generation and first offset of an object of this partition.
    fn begins(&self, key: &str) -> Option<(u32, i64)> {
        let (generation, partition, first) = parse_name(key.rsplit('/').next()?)?;
        let asked = self.generation.is_none_or(|wanted| wanted == generation);
        (asked && partition == self.partition).then_some((generation, first))
    }

    /// The keys of the objects that may hold the record.
    pub fn candidates<'a>(&self, keys: impl IntoIterator<Item = &'a str>) -> BTreeSet<&'a str> {
        let mut folders: BTreeMap<(&str, u32), Vec<(i64, &str)>> = BTreeMap::new();
        for key in keys {
            if let Some((generation, first)) = self.begins(key).filter(|(_, first)| *first <= self.offset) {
                let folder = key.rsplit_once('/').map_or("", |(folder, _)| folder);
                folders.entry((folder, generation)).or_default().push((first, key));
            }
        }
        let mut chosen = BTreeSet::new();
        for objects in folders.into_values() {
            let last = objects.iter().map(|(first, _)| *first).max();
            let near = |first: i64| Some(first) == last || self.offset - first < LONGEST;
            chosen.extend(objects.into_iter().filter(|(first, _)| near(*first)).map(|(_, key)| key));
        }
        chosen
    }

    /// What stands next to a record that is in none of the objects that were `read`, in each
    /// generation that has objects of the partition among `keys`.
    pub fn around<'a>(
        &self,
        keys: impl IntoIterator<Item = &'a str>,
        read: impl IntoIterator<Item = (&'a str, &'a Contents)>,
    ) -> Vec<Around> {
        let mut around: BTreeMap<u32, (Option<Neighbour>, Option<Neighbour>)> = BTreeMap::new();
        let neighbour = |key: &str, offset: i64| Neighbour { offset, key: key.to_owned() };
        let nearer = |after: &mut Option<Neighbour>, other: Neighbour| {
            if after.as_ref().is_none_or(|known| other < *known) {
                *after = Some(other);
            }
        };
        for key in keys {
            let Some((generation, first)) = self.begins(key) else { continue };
            let (_, after) = around.entry(generation).or_default();
            if first > self.offset {
                nearer(after, neighbour(key, first));
            }
        }
        for (key, contents) in read {
            let Some((generation, _)) = self.begins(key) else { continue };
            let (before, after) = around.entry(generation).or_default();
            *before = before.take().max(contents.below.map(|offset| neighbour(key, offset)));
            if let Some(offset) = contents.above {
                nearer(after, neighbour(key, offset));
            }
        }
        around.into_iter().map(|(generation, (before, after))| Around { generation, before, after }).collect()
    }

    /// Reads an object's lines.
    ///
    /// # Errors
    /// When a line is none of the sink's, with its number.
    pub fn read(&self, text: &str) -> Result<Contents, String> {
        let mut contents = Contents::default();
        for (number, line) in (1..).zip(text.lines()) {
            let place: Coordinates = serde_json::from_str(line).map_err(|error| format!("line {number}: {error}"))?;
            let offset = place.kafka_offset;
            if place.kafka_partition != self.partition {
                continue;
            }
            match offset.cmp(&self.offset) {
                Ordering::Less => contents.below = contents.below.max(Some(offset)),
                Ordering::Greater => contents.above = Some(contents.above.map_or(offset, |known| known.min(offset))),
                Ordering::Equal => {
                    let generation = place.kafka_generation;
                    contents.hits.push(Hit { line: number, generation, text: line.to_owned() });
                }
            }
        }
        Ok(contents)
    }
}

/// Where a record stood in Kafka, as its line tells.
#[derive(Deserialize)]
struct Coordinates {
    kafka_partition: i32,
    kafka_offset: i64,
    #[serde(default)]
    kafka_generation: u32,
}

/// What an object holds of interest.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// The last offset before the wanted one.
    pub below: Option<i64>,
    /// The first offset after it.
    pub above: Option<i64>,
    /// The lines of the wanted record.
    pub hits: Vec<Hit>,
}

/// A line of the wanted record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Its number, from 1.
    pub line: usize,
    /// The generation that it tells.
    pub generation: u32,
    /// Itself.
    pub text: String,
}

/// The objects of one generation between which a record would stand.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Around {
    /// The topic's generation.
    pub generation: u32,
    /// The last record before it.
    pub before: Option<Neighbour>,
    /// The first record after it.
    pub after: Option<Neighbour>,
}

/// A record beside the wanted one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Neighbour {
    /// Its place in the partition.
    pub offset: i64,
    /// The object that holds it.
    pub key: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "data/q/dt=2026-01-02/00003-00000000000000000000.json.gz";
    const B: &str = "data/q/dt=2026-01-02/00003-00000000000000020000.json.gz";
    const C: &str = "data/q/dt=2026-01-02/00003-00000000000000020005.json.gz";
    const D: &str = "data/q/dt=2026-01-03/00003-00000000000000000007.json.gz";
    const OTHER: &str = "data/q/dt=2026-01-02/00004-00000000000000000000.json.gz";
    const NEXT: &str = "data/q/dt=2026-01-02/g1-00003-00000000000000000002.json.gz";
    const FOREIGN: &str = "data/q/dt=2026-01-02/notes.json";
    const ALL: [&str; 7] = [A, B, C, D, OTHER, NEXT, FOREIGN];

    fn wanted(offset: i64) -> Wanted {
        Wanted { partition: 3, offset, generation: None }
    }

    fn candidates(wanted: Wanted) -> Vec<&'static str> {
        wanted.candidates(ALL).into_iter().collect()
    }

    #[test]
    fn the_last_object_that_begins_in_time_is_a_candidate_in_each_folder_and_generation() {
        assert_eq!(candidates(wanted(1)), [A]);
        assert_eq!(candidates(wanted(7)), [A, NEXT, D]);
        assert_eq!(candidates(wanted(20_000)), [B, NEXT, D]);
        assert_eq!(candidates(Wanted { generation: Some(0), ..wanted(7) }), [A, D]);
        assert_eq!(candidates(Wanted { generation: Some(2), ..wanted(7) }), [""; 0]);
    }

    #[test]
    fn so_is_every_object_that_a_redelivery_may_have_doubled() {
        assert_eq!(candidates(wanted(20_010)), [B, C, NEXT, D]);
        assert_eq!(candidates(wanted(29_999)), [B, C, NEXT, D]);
        assert_eq!(candidates(wanted(30_000)), [C, NEXT, D]);
    }

    #[test]
    fn around_a_record_is_what_is_nearest_in_each_generation() {
        let contents = |below, above| Contents { below, above, hits: Vec::new() };
        let (a, d) = (contents(Some(8), Some(40)), contents(Some(9), None));
        let at = |key: &str, offset| Some(Neighbour { offset, key: key.to_owned() });
        assert_eq!(
            wanted(30).around(ALL, [(A, &a), (D, &d)]),
            [
                Around { generation: 0, before: at(D, 9), after: at(A, 40) },
                Around { generation: 1, before: None, after: None },
            ]
        );
        assert_eq!(
            Wanted { generation: Some(0), ..wanted(1) }.around(ALL, []),
            [Around { generation: 0, before: None, after: at(D, 7) }]
        );
        assert_eq!(Wanted { partition: 9, ..wanted(1) }.around(ALL, []), []);
    }

    #[test]
    fn a_line_is_found_by_its_coordinates_not_by_its_place() {
        let line = |partition, offset, rest: &str| {
            format!("{{\"kafka_partition\":{partition},\"kafka_offset\":{offset},\"kafka_timestamp\":1{rest}}}\n")
        };
        let text =
            [line(4, 7, ""), line(3, 5, ""), line(3, 7, ",\"kafka_generation\":2,\"close\":1.50"), line(3, 9, "")]
                .concat();
        let contents = wanted(7).read(&text).unwrap();
        assert_eq!((contents.below, contents.above), (Some(5), Some(9)));
        let [hit] = &contents.hits[..] else { panic!("{contents:?}") };
        assert_eq!((hit.line, hit.generation), (3, 2));
        assert!(hit.text.ends_with("\"close\":1.50}"), "{hit:?}");
        assert_eq!(wanted(8).read(&text).unwrap().hits, []);
        assert_eq!(wanted(8).read("").unwrap(), Contents::default());
    }

    #[test]
    fn a_line_that_is_not_the_sinks_is_named() {
        let refused = wanted(7).read("{\"kafka_partition\":3,\"kafka_offset\":7}\nx\n").unwrap_err();
        assert!(refused.starts_with("line 2: "), "{refused}");
    }
}
