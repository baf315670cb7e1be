//! Identifies the row of a record in one machine word, which librdkafka returns with the delivery report.

/// The input and the line of a row.
///
/// ```text
/// 63          40 39                             0
/// +-------------+-------------------------------+
/// | input index |          line number          |
/// +-------------+-------------------------------+
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RowId(usize);

const LINE_BITS: u32 = usize::BITS * 5 / 8;

impl RowId {
    pub(crate) fn new(input: usize, line: u64) -> Self {
        let line = usize::try_from(line).unwrap_or(usize::MAX) & ((1 << LINE_BITS) - 1);
        Self(input << LINE_BITS | line)
    }

    /// Restores the row from the word that [`RowId::opaque`] has returned.
    pub(crate) fn from_opaque(opaque: usize) -> Self {
        Self(opaque)
    }

    /// Returns the word to pass to librdkafka with the record.
    pub(crate) fn opaque(self) -> usize {
        self.0
    }

    /// Returns the index of the input.
    pub(crate) fn input(self) -> usize {
        self.0 >> LINE_BITS
    }

    /// Returns the row's name for messages; `inputs` are the names of the inputs.
    pub(crate) fn name(self, inputs: &[String]) -> String {
        let (input, line) = (self.input(), self.0 & ((1 << LINE_BITS) - 1));
        format!("{} line {line}", inputs.get(input).map_or("input", String::as_str))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_named_by_input_and_line() {
        let inputs = ["a.csv".to_owned(), "b.csv".to_owned()];
        assert_eq!(RowId::new(1, 5_694).name(&inputs), "b.csv line 5694");
        assert_eq!(RowId::new(0, 10_000_000_000).name(&inputs), "a.csv line 10000000000");
    }
}
