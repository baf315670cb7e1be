//! Sorts a topic's objects by generation, partition and first offset.
//!
//! The store lists objects in the order of their keys, and a lake can have more objects than fit in memory. A [`Pass`]
//! goes through the whole listing and keeps the next [`MAX_PASS_OBJECTS`] objects in sort order; the next pass
//! continues after these objects.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

use commit_protocol::MAX_OBJECT_SPAN;
use jiff::civil::{self, Date};
use lake_format::codec::Codec;
use lake_format::keys::{self, KeyLayout};
use lake_store::Area;

/// Maximum number of objects that one pass over the listing keeps in memory. Larger listings need several passes.
pub(crate) const MAX_PASS_OBJECTS: usize = 200_000;

/// An object whose key has the sink's format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) generation: u32,
    pub(crate) partition: i32,
    /// First offset, according to the object's name.
    pub(crate) first: i64,
    /// The key up to and including the last slash. Objects in the same folder share the string.
    folder: Arc<str>,
    pub(crate) codec: Codec,
    /// Size in bytes, as stored.
    pub(crate) size: u64,
    pub(crate) area: Area,
    /// Date in the key (`dt=`), in days since 1970-01-01.
    pub(crate) day: i64,
    /// Hour in the key (`hour=`), if any.
    pub(crate) hour: Option<i64>,
}

impl Object {
    pub(crate) fn key(&self) -> String {
        let layout = KeyLayout { codec: self.codec, generation: self.generation, ..KeyLayout::default() };
        layout.object_key(&self.folder, self.partition, self.first)
    }

    /// Returns the [`KeyLayout::pattern`] of the sink that wrote the object. For a quarantined object, returns only the
    /// pattern's last part, such as `*.json.gz`.
    pub(crate) fn pattern(&self) -> String {
        let mut pattern = String::new();
        if self.area == Area::Data {
            for (name, _) in self.folder.split('/').filter_map(|part| part.split_once('=')) {
                pattern.push_str(name);
                pattern.push_str("=*/");
            }
        }
        pattern.push_str("*.");
        pattern.push_str(self.codec.extension());
        pattern
    }

    /// Parses a key. Returns `None` if the key does not have the sink's format. `root` is the topic's prefix, including
    /// the lake's prefix, such as `data/quotes/`. `previous` is the folder of the previous object; an object in the
    /// same folder shares the string.
    fn parse(area: Area, root: &str, key: &str, size: u64, previous: &mut Arc<str>) -> Option<Self> {
        let (folder, name) = key.split_at(key.rfind('/')? + 1);
        let (generation, partition, first) = keys::parse_name(name)?;
        let codec = Codec::from_key(name)?;
        let mut parts = folder.strip_prefix(root)?.split_terminator('/');
        let day = days(parts.next()?.strip_prefix("dt=")?)?;
        let hour = match parts.next().and_then(|part| part.strip_prefix("hour=")) {
            Some(hour) => Some(hour.parse().ok()?),
            None => None,
        };
        // No real offset is this large, and calculations with such an offset could overflow.
        if partition < 0 || !(0..i64::MAX - 4 * MAX_OBJECT_SPAN).contains(&first) {
            return None;
        }
        if **previous != *folder {
            *previous = folder.into();
        }
        let object =
            Object { generation, partition, first, folder: Arc::clone(previous), codec, size, area, day, hour };
        (object.key() == key).then_some(object)
    }

    /// Returns the generation of the object with this key, or `None` if the key does not have the sink's format. `root`
    /// is the topic's prefix, such as `data/quotes/`.
    pub(crate) fn generation_of(area: Area, root: &str, key: &str) -> Option<u32> {
        Some(Self::parse(area, root, key, 0, &mut "".into())?.generation)
    }

    fn order(&self) -> (u32, i32, i64, &str, &str) {
        (self.generation, self.partition, self.first, &self.folder, self.codec.extension())
    }
}

fn days(text: &str) -> Option<i64> {
    let date = Date::strptime("%Y-%m-%d", text).ok()?;
    Some((date - civil::date(1970, 1, 1)).get_days().into())
}

impl Ord for Object {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order().cmp(&other.order())
    }
}

impl PartialOrd for Object {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The generations of a topic to read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Generations {
    /// The only generation to read, or `None` for all.
    pub(crate) only: Option<u32>,
    /// Generations to leave out.
    pub(crate) except: BTreeSet<u32>,
}

impl Generations {
    pub(crate) fn contains(&self, generation: u32) -> bool {
        self.only.is_none_or(|only| only == generation) && !self.except.contains(&generation)
    }
}

/// One pass over the whole listing.
pub(crate) struct Pass {
    next: BTreeSet<Object>,
    after: Option<Object>,
    capacity: usize,
    generations: Generations,
    previous: Arc<str>,
    /// The highest generation in the listing.
    pub(crate) greatest: Option<u32>,
    is_last: bool,
}

impl Pass {
    /// Creates a pass that keeps up to `capacity` objects after `after`. Skips objects whose generation is not in
    /// `generations`.
    pub(crate) fn new(after: Option<Object>, capacity: usize, generations: Generations) -> Self {
        Pass { next: BTreeSet::new(), after, capacity, generations, previous: "".into(), greatest: None, is_last: true }
    }

    /// Adds a key from the listing. Returns `false` if the key does not have the sink's format.
    pub(crate) fn add(&mut self, area: Area, root: &str, key: &str, size: u64) -> bool {
        let Some(object) = Object::parse(area, root, key, size, &mut self.previous) else { return false };
        self.greatest = self.greatest.max(Some(object.generation));
        if !self.generations.contains(object.generation) || self.after.as_ref().is_some_and(|after| object <= *after) {
            return true;
        }
        self.next.insert(object);
        if self.next.len() > self.capacity {
            self.next.pop_last();
            self.is_last = false;
        }
        true
    }

    /// Returns the sorted objects, and `true` if no object is left for another pass.
    pub(crate) fn finish(self) -> (BTreeSet<Object>, bool) {
        (self.next, self.is_last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 7] = [
        "p/data/q/dt=2026-01-03/00000-00000000000000000020.json.gz",
        "p/data/q/dt=2026-01-03/00001-00000000000000000001.json.gz",
        "p/data/q/dt=2026-01-02/00000-00000000000000000000.json.zst",
        "p/data/q/dt=2026-01-02/hour=07/by_a=x%2Fy/00000-00000000000000000010.json",
        "p/data/q/dt=2026-01-02/g1-00000-00000000000000000000.json.gz",
        "p/data/q/dt=2026-01-04/00000-00000000000000000010.json.gz",
        "p/data/q/dt=2026-01-03/00000-00000000000000000005.json.gz",
    ];

    fn passes(capacity: usize, only: Option<u32>) -> (Vec<String>, usize) {
        passes_over(capacity, &Generations { only, except: BTreeSet::new() })
    }

    fn passes_over(capacity: usize, generations: &Generations) -> (Vec<String>, usize) {
        let (mut keys, mut after, mut count) = (Vec::new(), None, 0);
        loop {
            let mut pass = Pass::new(after.clone(), capacity, generations.clone());
            for key in KEYS {
                assert!(pass.add(Area::Data, "p/data/q/", key, 1), "{key}");
            }
            assert_eq!(pass.greatest, Some(1));
            count += 1;
            let (objects, is_last) = pass.finish();
            assert!(objects.len() <= capacity);
            keys.extend(objects.iter().map(Object::key));
            after = objects.last().cloned();
            if is_last {
                return (keys, count);
            }
        }
    }

    #[test]
    fn objects_are_in_order_whatever_the_capacity() {
        let ordered: Vec<String> = [2, 6, 3, 5, 0, 1, 4].map(|n| KEYS[n].to_owned()).into();
        assert_eq!(passes(7, None), (ordered.clone(), 1));
        assert_eq!(passes(3, None), (ordered.clone(), 3));
        assert_eq!(passes(1, None), (ordered.clone(), 7));
        assert_eq!(passes(2, Some(1)), (ordered[6..].to_vec(), 1));
    }

    #[test]
    fn foreign_names_are_rejected() {
        let mut pass = Pass::new(None, 9, Generations::default());
        for key in [
            "data/q/dt=2026-01-03/notes.json",
            "data/q/dt=2026-01-03/0-1.json",
            "data/q/dt=2026-01-03/00000-00000000000000000001.csv",
            "data/q/dt=2026-13-03/00000-00000000000000000001.json",
            "data/q/00000-00000000000000000001.json",
            "data/q/dt=2026-01-03/00000--0000000000000000001.json",
            "data/q/dt=2026-01-03/00000-09223372036854775807.json",
        ] {
            assert!(!pass.add(Area::Data, "data/q/", key, 1), "{key}");
        }
        assert!(pass.finish().0.is_empty());
    }

    #[test]
    fn key_shows_the_settings_of_the_sink() {
        let object = |area, key| Object::parse(area, "p/data/q/", key, 1, &mut "".into()).unwrap();
        assert_eq!(object(Area::Data, KEYS[3]).pattern(), "dt=*/hour=*/by_a=*/*.json");
        assert_eq!(object(Area::Data, KEYS[0]).pattern(), "dt=*/*.json.gz");
        assert_eq!(object(Area::Quarantine, KEYS[0]).pattern(), "*.json.gz");
        assert_eq!((object(Area::Data, KEYS[3]).day, object(Area::Data, KEYS[3]).hour), (20_455, Some(7)));
    }
}
