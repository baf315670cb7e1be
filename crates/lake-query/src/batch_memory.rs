//! Measures the memory that rows occupy.

use std::collections::HashSet;

use datafusion::arrow::array::{Array, ArrayData, RecordBatch};
use datafusion::arrow::buffer::Buffer;

/// Counter of the memory that record batches occupy. A buffer that several batches share counts once.
#[derive(Debug, Default)]
pub(crate) struct BatchMemory {
    bytes: usize,
    buffers: HashSet<usize>,
}

impl BatchMemory {
    /// Adds a batch. Returns the number of bytes of all batches so far.
    pub(crate) fn add(&mut self, batch: &RecordBatch) -> usize {
        for column in batch.columns() {
            self.add_data(&column.to_data());
        }
        self.bytes
    }

    fn add_data(&mut self, data: &ArrayData) {
        data.buffers().iter().for_each(|buffer| self.add_buffer(buffer));
        if let Some(nulls) = data.nulls() {
            self.add_buffer(nulls.buffer());
        }
        data.child_data().iter().for_each(|child| self.add_data(child));
    }

    fn add_buffer(&mut self, buffer: &Buffer) {
        if self.buffers.insert(buffer.data_ptr().as_ptr() as usize) {
            self.bytes += buffer.capacity();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, StringArray};

    use super::*;

    #[test]
    fn shared_buffers_count_once() {
        let column: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(10_000); 10]));
        let batch = RecordBatch::try_from_iter([("a", Arc::clone(&column)), ("b", column)]).unwrap();
        let mut memory = BatchMemory::default();
        let first = memory.add(&batch);
        assert!((100_000..300_000).contains(&first), "{first}");
        assert_eq!(memory.add(&batch.slice(3, 2)), first);
        let other: ArrayRef = Arc::new(StringArray::from(vec!["y".repeat(10_000)]));
        assert!(memory.add(&RecordBatch::try_from_iter([("a", other)]).unwrap()) > first);
    }
}
