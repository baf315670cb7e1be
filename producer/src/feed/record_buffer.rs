//! Records held in memory, to be sent in another order than they were read in.

use crate::delivery::tracker::RowId;

/// Records in one buffer, and where each of them stands in it.
#[derive(Debug, Default)]
pub(crate) struct Held {
    bytes: Vec<u8>,
    records: Vec<Place>,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    start: usize,
    key: u32,
    value: u32,
    micros: i64,
    row: RowId,
}

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) value: &'a [u8],
    pub(crate) micros: i64,
    pub(crate) row: RowId,
}

impl Held {
    pub(crate) fn push(&mut self, record: Record<'_>) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(record.key);
        self.bytes.extend_from_slice(record.value);
        // A row is never longer than a mebibyte, so neither length is cut.
        let (key, value) = (record.key.len() as u32, record.value.len() as u32);
        self.records.push(Place { start, key, value, micros: record.micros, row: record.row });
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    pub(crate) fn get(&self, at: usize) -> Option<Record<'_>> {
        let place = self.records.get(at)?;
        let (key, rest) = self.bytes.get(place.start..)?.split_at_checked(place.key as usize)?;
        Some(Record { key, value: rest.get(..place.value as usize)?, micros: place.micros, row: place.row })
    }

    /// By moment; records of one moment keep their order.
    pub(crate) fn sort_by_date(&mut self) {
        self.records.sort_by_key(|place| place.micros);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorting_is_by_moment_and_stable() {
        let mut held = Held::default();
        for (key, micros) in [("b", 2), ("a", 1), ("c", 2), ("d", 0)] {
            let row = RowId::new(0, held.len() as u64);
            held.push(Record { key: key.as_bytes(), value: key.repeat(3).as_bytes(), micros, row });
        }
        held.sort_by_date();
        let keys: Vec<&[u8]> = (0..held.len()).filter_map(|at| held.get(at)).map(|record| record.key).collect();
        assert_eq!(keys, [b"d", b"a", b"b", b"c"]);
        assert_eq!(held.get(2).map(|record| record.value), Some(&b"bbb"[..]));
        assert_eq!(held.get(4), None);
    }
}
