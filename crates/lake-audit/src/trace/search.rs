//! Selects the objects that may contain a record, and finds the record's line in an object.
//!
//! An object's name contains only the offset of its first record. In each folder, the candidates are the last object
//! that starts at or before the wanted offset, and every object that starts less than [`MAX_BATCH_RECORDS`] offsets
//! before the wanted offset. In a lake that was written before ledgers existed, a record can be in two objects, and
//! both are found.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use lake_format::keys::parse_name;
use serde::{Deserialize, Serialize};

/// Maximum number of records in a Lambda batch. An object contains records of one batch, so it spans at most this many
/// offsets, unless the topic has gaps. A wider object is still found: the objects of a folder do not overlap, so it is
/// the last one that starts at or before the wanted offset.
const MAX_BATCH_RECORDS: i64 = 10_000;

/// The record to find, without its topic: the searched keys determine the topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub partition: i32,
    pub offset: i64,
    /// The only generation to search, or `None` for all.
    pub generation: Option<u32>,
}

/// Error for a line that the sink did not write.
#[derive(Debug, thiserror::Error)]
#[error("line {number}: {source}")]
pub struct LineError {
    pub(crate) number: usize,
    pub(crate) source: serde_json::Error,
}

impl Wanted {
    /// Parses an object's key. Returns the object's generation and first offset, or `None` if the object belongs to
    /// another partition or to a generation that is not searched.
    fn parse_key(&self, key: &str) -> Option<(u32, i64)> {
        let (generation, partition, first) = parse_name(key.rsplit('/').next()?)?;
        let in_scope = self.generation.is_none_or(|wanted| wanted == generation);
        (in_scope && partition == self.partition).then_some((generation, first))
    }

    /// Returns the keys of the objects that may contain the record.
    pub(crate) fn candidates<'a>(&self, keys: impl IntoIterator<Item = &'a str>) -> BTreeSet<&'a str> {
        let mut folders: BTreeMap<(&str, u32), Vec<(i64, &str)>> = BTreeMap::new();
        for key in keys {
            if let Some((generation, first)) = self.parse_key(key).filter(|(_, first)| *first <= self.offset) {
                let folder = key.rsplit_once('/').map_or("", |(folder, _)| folder);
                folders.entry((folder, generation)).or_default().push((first, key));
            }
        }
        let mut candidates = BTreeSet::new();
        for objects in folders.into_values() {
            let last = objects.iter().map(|(first, _)| *first).max();
            let is_near = |first: i64| Some(first) == last || self.offset - first < MAX_BATCH_RECORDS;
            candidates.extend(objects.into_iter().filter(|(first, _)| is_near(*first)).map(|(_, key)| key));
        }
        candidates
    }

    /// Returns the stored records nearest to the wanted record, which must be in none of the objects in `read`. The
    /// result has one entry for each generation that has objects of the partition among `keys`.
    pub(crate) fn neighbours<'a>(
        &self,
        keys: impl IntoIterator<Item = &'a str>,
        read: impl IntoIterator<Item = (&'a str, &'a Contents)>,
    ) -> Vec<Neighbours> {
        let mut by_generation: BTreeMap<u32, (Option<Neighbour>, Option<Neighbour>)> = BTreeMap::new();
        let neighbour = |key: &str, offset: i64| Neighbour { offset, key: key.to_owned() };
        let keep_nearer = |after: &mut Option<Neighbour>, other: Neighbour| {
            if after.as_ref().is_none_or(|known| other < *known) {
                *after = Some(other);
            }
        };
        for key in keys {
            let Some((generation, first)) = self.parse_key(key) else { continue };
            let (_, after) = by_generation.entry(generation).or_default();
            if first > self.offset {
                keep_nearer(after, neighbour(key, first));
            }
        }
        for (key, contents) in read {
            let Some((generation, _)) = self.parse_key(key) else { continue };
            let (before, after) = by_generation.entry(generation).or_default();
            *before = before.take().max(contents.below.map(|offset| neighbour(key, offset)));
            if let Some(offset) = contents.above {
                keep_nearer(after, neighbour(key, offset));
            }
        }
        let neighbours = by_generation.into_iter();
        neighbours.map(|(generation, (before, after))| Neighbours { generation, before, after }).collect()
    }

    /// Searches an object's lines for the record and its neighbours.
    ///
    /// # Errors
    /// [`LineError`] if a line was not written by the sink.
    pub(crate) fn search(&self, text: &str) -> Result<Contents, LineError> {
        let mut contents = Contents::default();
        for (number, line) in (1..).zip(text.lines()) {
            let at: Coordinates = serde_json::from_str(line).map_err(|source| LineError { number, source })?;
            let offset = at.kafka_offset;
            if at.kafka_partition != self.partition {
                continue;
            }
            match offset.cmp(&self.offset) {
                Ordering::Less => contents.below = contents.below.max(Some(offset)),
                Ordering::Greater => contents.above = Some(contents.above.map_or(offset, |known| known.min(offset))),
                Ordering::Equal => {
                    let generation = at.kafka_generation;
                    contents.matches.push(Match { line: number, generation, text: line.to_owned() });
                }
            }
        }
        Ok(contents)
    }
}

/// A record's Kafka coordinates, as stored in its line.
#[derive(Deserialize)]
struct Coordinates {
    kafka_partition: i32,
    kafka_offset: i64,
    #[serde(default)]
    kafka_generation: u32,
}

/// Result of searching one object.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Contents {
    /// The highest offset below the wanted one.
    pub(crate) below: Option<i64>,
    /// The lowest offset above the wanted one.
    pub(crate) above: Option<i64>,
    /// The lines that store the wanted record.
    pub(crate) matches: Vec<Match>,
}

/// A line that stores the wanted record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Match {
    /// Number of the line, from 1.
    pub(crate) line: usize,
    pub(crate) generation: u32,
    /// Text of the line.
    pub(crate) text: String,
}

/// The stored records before and after the wanted record, in one generation.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Neighbours {
    pub generation: u32,
    /// The last stored record before the wanted one.
    pub before: Option<Neighbour>,
    /// The first stored record after the wanted one.
    pub after: Option<Neighbour>,
}

/// A stored record before or after the wanted one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Neighbour {
    pub offset: i64,
    /// Key of the object that contains the record.
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
    fn last_object_before_the_offset_is_a_candidate() {
        assert_eq!(candidates(wanted(1)), [A]);
        assert_eq!(candidates(wanted(7)), [A, NEXT, D]);
        assert_eq!(candidates(wanted(20_000)), [B, NEXT, D]);
        assert_eq!(candidates(Wanted { generation: Some(0), ..wanted(7) }), [A, D]);
        assert_eq!(candidates(Wanted { generation: Some(2), ..wanted(7) }), [""; 0]);
    }

    #[test]
    fn objects_of_a_redelivery_are_candidates() {
        assert_eq!(candidates(wanted(20_010)), [B, C, NEXT, D]);
        assert_eq!(candidates(wanted(29_999)), [B, C, NEXT, D]);
        assert_eq!(candidates(wanted(30_000)), [C, NEXT, D]);
    }

    #[test]
    fn neighbours_are_the_nearest_in_each_generation() {
        let contents = |below, above| Contents { below, above, matches: Vec::new() };
        let (a, d) = (contents(Some(8), Some(40)), contents(Some(9), None));
        let at = |key: &str, offset| Some(Neighbour { offset, key: key.to_owned() });
        assert_eq!(
            wanted(30).neighbours(ALL, [(A, &a), (D, &d)]),
            [
                Neighbours { generation: 0, before: at(D, 9), after: at(A, 40) },
                Neighbours { generation: 1, before: None, after: None },
            ]
        );
        assert_eq!(
            Wanted { generation: Some(0), ..wanted(1) }.neighbours(ALL, []),
            [Neighbours { generation: 0, before: None, after: at(D, 7) }]
        );
        assert_eq!(Wanted { partition: 9, ..wanted(1) }.neighbours(ALL, []), []);
    }

    #[test]
    fn record_is_found_by_its_coordinates() {
        let line = |partition, offset, rest: &str| {
            format!("{{\"kafka_partition\":{partition},\"kafka_offset\":{offset},\"kafka_timestamp\":1{rest}}}\n")
        };
        let text =
            [line(4, 7, ""), line(3, 5, ""), line(3, 7, ",\"kafka_generation\":2,\"close\":1.50"), line(3, 9, "")]
                .concat();
        let contents = wanted(7).search(&text).unwrap();
        assert_eq!((contents.below, contents.above), (Some(5), Some(9)));
        let [found] = &contents.matches[..] else { panic!("{contents:?}") };
        assert_eq!((found.line, found.generation), (3, 2));
        assert!(found.text.ends_with("\"close\":1.50}"), "{found:?}");
        assert_eq!(wanted(8).search(&text).unwrap().matches, []);
        assert_eq!(wanted(8).search("").unwrap(), Contents::default());
    }

    #[test]
    fn foreign_line_is_an_error() {
        let error = wanted(7).search("{\"kafka_partition\":3,\"kafka_offset\":7}\nx\n").unwrap_err().to_string();
        assert!(error.starts_with("line 2: "), "{error}");
    }
}
