//! The objects of a topic in the order of generation, partition and first offset, whatever order the store
//! lists them in and however many there are. Pure: the store's listing is shown to a [`Pass`].

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

use commit_protocol::MAX_OBJECT_SPAN;
use lake_format::codec::Codec;
use lake_format::keys::{self, KeyLayout, PartitionBy};
use lake_store::Area;
use time::Date;
use time::macros::{date, format_description};

/// Objects that one pass over the listing takes along. With more there is a second pass, and so on.
pub(crate) const A_PASS: usize = 200_000;

/// An object whose key is one of the sink's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) generation: u32,
    pub(crate) partition: i32,
    /// The first offset that its name tells.
    pub(crate) first: i64,
    /// The key up to the last slash, and with it. Objects of one folder share it.
    folder: Arc<str>,
    pub(crate) codec: Codec,
    /// In bytes, as stored.
    pub(crate) size: u64,
    pub(crate) area: Area,
    /// Days from 1970-01-01 to its `dt=`.
    pub(crate) day: i64,
    /// Its `hour=`, where it has one.
    pub(crate) hour: Option<i64>,
}

/// The layout of the sink's that has no settings.
pub(crate) fn plain_layout() -> KeyLayout {
    KeyLayout {
        prefix: String::new(),
        codec: Codec::None,
        partition_by: PartitionBy::Day,
        partition_field: None,
        generation: 0,
    }
}

impl Object {
    pub(crate) fn key(&self) -> String {
        let layout = KeyLayout { codec: self.codec, generation: self.generation, ..plain_layout() };
        layout.key_in(&self.folder, self.partition, self.first)
    }

    /// What [`KeyLayout::pattern`] says of the sink that wrote it; an object of the quarantine tells its codec only.
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

    /// Reads a key; `root` is the topic's folder, `data/quotes/`, with the prefix before it. `known` is the folder of
    /// the object before it.
    fn parse(area: Area, root: &str, key: &str, size: u64, known: &mut Arc<str>) -> Option<Self> {
        let (folder, name) = key.split_at(key.rfind('/')? + 1);
        let (generation, partition, first) = keys::parse_name(name)?;
        let codec = Codec::from_key(name)?;
        let mut parts = folder.strip_prefix(root)?.split_terminator('/');
        let day = days(parts.next()?.strip_prefix("dt=")?)?;
        let hour = match parts.next().and_then(|part| part.strip_prefix("hour=")) {
            Some(hour) => Some(hour.parse().ok()?),
            None => None,
        };
        // No offset is so great; it would only be in the way of calculating.
        if partition < 0 || !(0..i64::MAX - 4 * MAX_OBJECT_SPAN).contains(&first) {
            return None;
        }
        if **known != *folder {
            *known = folder.into();
        }
        let object = Object { generation, partition, first, folder: Arc::clone(known), codec, size, area, day, hour };
        (object.key() == key).then_some(object)
    }

    fn order(&self) -> (u32, i32, i64, &str, &str) {
        (self.generation, self.partition, self.first, &self.folder, self.codec.extension())
    }
}

fn days(date: &str) -> Option<i64> {
    let date = Date::parse(date, format_description!("[year]-[month]-[day]")).ok()?;
    Some((date - date!(1970 - 01 - 01)).whole_days())
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

/// One look at the whole listing: takes the objects that come next, as many as there is room for.
pub(crate) struct Pass {
    next: BTreeSet<Object>,
    after: Option<Object>,
    most: usize,
    generation: Option<u32>,
    known: Arc<str>,
    /// The greatest generation that was seen.
    pub(crate) greatest: Option<u32>,
    is_last: bool,
}

impl Pass {
    /// A pass that takes objects after `after`, at most `most` of them; of one generation where it is said.
    pub(crate) fn new(after: Option<Object>, most: usize, generation: Option<u32>) -> Self {
        Pass { next: BTreeSet::new(), after, most, generation, known: "".into(), greatest: None, is_last: true }
    }

    /// Looks at a key; false where it is none of the sink's.
    pub(crate) fn see(&mut self, area: Area, root: &str, key: &str, size: u64) -> bool {
        let Some(object) = Object::parse(area, root, key, size, &mut self.known) else { return false };
        self.greatest = self.greatest.max(Some(object.generation));
        if self.generation.is_some_and(|only| only != object.generation)
            || self.after.as_ref().is_some_and(|after| object <= *after)
        {
            return true;
        }
        self.next.insert(object);
        if self.next.len() > self.most {
            self.next.pop_last();
            self.is_last = false;
        }
        true
    }

    /// The objects in order, and whether there are none after them.
    pub(crate) fn end(self) -> (BTreeSet<Object>, bool) {
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

    fn passes(most: usize, generation: Option<u32>) -> (Vec<String>, usize) {
        let (mut keys, mut after, mut count) = (Vec::new(), None, 0);
        loop {
            let mut pass = Pass::new(after.clone(), most, generation);
            for key in KEYS {
                assert!(pass.see(Area::Data, "p/data/q/", key, 1), "{key}");
            }
            assert_eq!(pass.greatest, Some(1));
            count += 1;
            let (objects, is_last) = pass.end();
            assert!(objects.len() <= most);
            keys.extend(objects.iter().map(Object::key));
            after = objects.last().cloned();
            if is_last {
                return (keys, count);
            }
        }
    }

    #[test]
    fn objects_come_by_generation_partition_and_offset_however_few_are_held_at_a_time() {
        let ordered: Vec<String> = [2, 6, 3, 5, 0, 1, 4].map(|n| KEYS[n].to_owned()).into();
        assert_eq!(passes(7, None), (ordered.clone(), 1));
        assert_eq!(passes(3, None), (ordered.clone(), 3));
        assert_eq!(passes(1, None), (ordered.clone(), 7));
        assert_eq!(passes(2, Some(1)), (ordered[6..].to_vec(), 1));
    }

    #[test]
    fn names_that_the_sink_does_not_give_are_not_taken_for_its_objects() {
        let mut pass = Pass::new(None, 9, None);
        for key in [
            "data/q/dt=2026-01-03/notes.json",
            "data/q/dt=2026-01-03/0-1.json",
            "data/q/dt=2026-01-03/00000-00000000000000000001.csv",
            "data/q/dt=2026-13-03/00000-00000000000000000001.json",
            "data/q/00000-00000000000000000001.json",
            "data/q/dt=2026-01-03/00000--0000000000000000001.json",
            "data/q/dt=2026-01-03/00000-09223372036854775807.json",
        ] {
            assert!(!pass.see(Area::Data, "data/q/", key, 1), "{key}");
        }
        assert!(pass.end().0.is_empty());
    }

    #[test]
    fn a_key_tells_the_settings_it_was_made_with() {
        let object = |area, key| Object::parse(area, "p/data/q/", key, 1, &mut "".into()).unwrap();
        assert_eq!(object(Area::Data, KEYS[3]).pattern(), "dt=*/hour=*/by_a=*/*.json");
        assert_eq!(object(Area::Data, KEYS[0]).pattern(), "dt=*/*.json.gz");
        assert_eq!(object(Area::Quarantine, KEYS[0]).pattern(), "*.json.gz");
        assert_eq!((object(Area::Data, KEYS[3]).day, object(Area::Data, KEYS[3]).hour), (20_455, Some(7)));
    }
}
