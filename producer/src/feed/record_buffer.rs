//! Keeps records in memory, so that they can be sent in a different order than they were read.

use super::row_id::RowId;

/// Records, stored one after the other in one allocation.
#[derive(Debug, Default)]
pub(crate) struct RecordBuffer {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

/// Position of a record in the buffer, its lengths in bytes, and its sort key.
#[derive(Debug, Clone, Copy)]
struct Entry {
    start: usize,
    key_length: u32,
    value_length: u32,
    micros: i64,
    row: RowId,
}

/// A record to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) value: &'a [u8],
    /// The time of the trade, in microseconds since 1970-01-01T00:00:00Z.
    pub(crate) micros: i64,
    pub(crate) row: RowId,
}

impl RecordBuffer {
    pub(crate) fn push(&mut self, record: Record<'_>) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(record.key);
        self.bytes.extend_from_slice(record.value);
        // `MAX_ROW_BYTES` limits a row to about one MiB, so neither cast truncates.
        let (key_length, value_length) = (record.key.len() as u32, record.value.len() as u32);
        self.entries.push(Entry { start, key_length, value_length, micros: record.micros, row: record.row });
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn get(&self, index: usize) -> Option<Record<'_>> {
        let entry = self.entries.get(index)?;
        let (key, rest) = self.bytes.get(entry.start..)?.split_at_checked(entry.key_length as usize)?;
        Some(Record { key, value: rest.get(..entry.value_length as usize)?, micros: entry.micros, row: entry.row })
    }

    /// Sorts by time. Records with the same time keep their order.
    pub(crate) fn sort_by_date(&mut self) {
        self.entries.sort_by_key(|entry| entry.micros);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorting_is_by_time_and_stable() {
        let mut buffer = RecordBuffer::default();
        for (key, micros) in [("b", 2), ("a", 1), ("c", 2), ("d", 0)] {
            let row = RowId::new(0, buffer.len() as u64);
            buffer.push(Record { key: key.as_bytes(), value: key.repeat(3).as_bytes(), micros, row });
        }
        buffer.sort_by_date();
        let keys: Vec<&[u8]> =
            (0..buffer.len()).filter_map(|index| buffer.get(index)).map(|record| record.key).collect();
        assert_eq!(keys, [b"d", b"a", b"b", b"c"]);
        assert_eq!(buffer.get(2).map(|record| record.value), Some(&b"bbb"[..]));
        assert_eq!(buffer.get(4), None);
    }
}
