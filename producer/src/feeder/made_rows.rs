//! Sends simulated rows in place of bars, with `--simulate`.

use super::Feeder;
use crate::delivery::Flow;
use crate::error::RunError;
use crate::feed::input::Input;
use crate::feed::interleave::{Interleave, Interleaved, RecordKind};
use crate::feed::record_buffer::{Record, RecordBuffer};
use crate::simulate::NotSimulated;

impl Feeder<'_> {
    /// Returns the time at which the simulated rows of a record begin, and their number. For a record that is sent
    /// unchanged, these are its own time and 1.
    pub(super) fn begin_of(&mut self, record: &Record<'_>) -> (i64, u64) {
        let Some(simulation) = self.feed.simulation() else { return (record.micros, 1) };
        match simulation.bar(record.value, record.micros) {
            Ok(bar) => (bar.start(), simulation.rows_of(&bar) as u64),
            Err(reason) => {
                self.show(record, reason);
                (record.micros, 1)
            }
        }
    }

    /// Sends a row's record or, with `--simulate`, the rows that replace it.
    pub(super) fn send_row(&mut self, record: Record<'_>) -> Result<Flow, RunError> {
        let Some(simulation) = self.feed.simulation() else { return self.send(record, RecordKind::Row) };
        let mut rows = match simulation.bar(record.value, record.micros) {
            Ok(bar) => simulation.make(&bar),
            Err(reason) => {
                self.show(&record, reason);
                return self.send(record, RecordKind::Row);
            }
        };
        let mut json = Vec::with_capacity(256);
        loop {
            let kind = if rows.is_at_start() { RecordKind::FirstMade } else { RecordKind::Made };
            let Some(micros) = rows.write_next(&mut json) else { return Ok(Flow::Continue) };
            if self.send(Record { value: &json, micros, ..record }, kind)? == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
    }

    /// Sends the simulated rows of all bars, and the records that stay unchanged, in chronological order.
    pub(super) fn send_interleaved(&mut self, buffer: &RecordBuffer) -> Result<Flow, RunError> {
        let Some(simulation) = self.feed.simulation() else { return Ok(Flow::Continue) };
        let mut rows = Interleaved::new(simulation, buffer);
        let mut json = Vec::with_capacity(256);
        while let Some(Interleave { record, kind }) = rows.next(&mut json) {
            if self.send(record, kind)? == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::Continue)
    }

    /// Warns, once for each reason, that `--simulate` sends a row unchanged. Ticks and other short rows need no
    /// warning.
    fn show(&mut self, record: &Record<'_>, reason: NotSimulated) {
        if reason == NotSimulated::Short || self.shown.contains(&reason) {
            return;
        }
        self.shown.push(reason);
        let inputs: Vec<String> = self.feed.inputs().iter().map(Input::name).collect();
        let row = record.row.name(&inputs);
        self.warn(format!("{row} {reason}; --simulate sends such rows unchanged"));
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::args::{FeedArgs, OrderArg, Repeat};
    use crate::cli::simulate::Simulate;
    use crate::test_feed::TestFeed;
    use serde_json::Value;

    const BARS: (&str, &str) = (
        "a.csv",
        "Symbol,Date,Open,High,Low,Close,Volume\n\
         A,2024-01-02,10,12.5,9,11,1000\nB,2024-01-02,1,1,1,1,\nA,2024-01-03,11,13,10,12,2000\n",
    );

    fn simulating(files: &[(&str, &str)], rows: Simulate, order: OrderArg) -> TestFeed {
        let mut test = TestFeed::new(files);
        test.args = FeedArgs { simulate: Some(rows), order, ..test.args };
        test
    }

    fn field(lines: &[String], name: &str) -> Vec<String> {
        let value = |line: &String| serde_json::from_str::<Value>(line).expect("JSON")[name].clone();
        lines.iter().map(|line| value(line).as_str().unwrap_or_default().to_owned()).collect()
    }

    #[test]
    fn made_rows_are_sent_instead_of_bars() {
        let test = simulating(&[BARS], Simulate::Ticks(5), OrderArg::File);
        let (summary, lines) = test.run().expect("a run");
        assert_eq!((summary.read, summary.printed, summary.exit_code()), (3, 15, 0));
        let simulated = summary.simulated.map(|simulated| (simulated.bars, simulated.records, simulated.seed));
        assert_eq!(simulated, Some((3, 15, Simulate::DEFAULT_SEED)));
        let symbols = ["A", "B", "A"].iter().flat_map(|symbol| [*symbol; 5]).collect::<Vec<_>>();
        assert_eq!(field(&lines, "symbol"), symbols);
        assert!(lines.iter().all(|line| line.ends_with(r#","simulated":true}"#)), "{lines:?}");
    }

    #[test]
    fn made_rows_of_all_files_are_sorted_by_time() {
        let other = ("b.csv", "Symbol,Date,Open,High,Low,Close\nC,2024-01-03,1,2,1,2\nC,2024-01-02,1,2,1,2\n");
        let test = simulating(&[BARS, other], Simulate::Ticks(40), OrderArg::Date);
        let (summary, lines) = test.run().expect("a run");
        assert_eq!((summary.read, lines.len()), (5, 200));
        assert_eq!(test.progress.snapshot().expected_rows, 200);
        let whole = |line: &String| format!("{line:0<26}");
        let times: Vec<String> = field(&lines, "traded_at").iter().map(whole).collect();
        assert!(times.is_sorted(), "{times:?}");
        let first_day = field(&lines[..120], "symbol");
        let changes = first_day.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert!(changes > 20, "the symbols are interleaved: {first_day:?}");
        let mut by_file = simulating(&[BARS, other], Simulate::Ticks(40), OrderArg::File).run().expect("a run").1;
        let mut by_date = lines;
        by_file.sort_unstable();
        by_date.sort_unstable();
        assert_eq!(by_file, by_date, "the order does not change the rows");
    }

    #[test]
    fn minutes_of_two_symbols_alternate() {
        let test = simulating(&[BARS], Simulate::Minutes, OrderArg::Date);
        let (_, lines) = test.run().expect("a run");
        assert_eq!(lines.len(), 3 * 390);
        assert_eq!(field(&lines[..4], "symbol"), ["A", "B", "A", "B"]);
        assert_eq!(field(&lines[2..3], "traded_at"), ["2024-01-02 09:31:00"]);
    }

    #[test]
    fn a_row_without_a_path_is_sent_as_it_is() {
        let rows = "Symbol,Date,Open,High,Low,Close\n\
             A,2024-01-02,1,2,1,2\nA,2024-01-03,,,,7\nA,2024-01-04,,,,8\nA,2024-01-05,9,2,1,2\nA,2024-01-06\n";
        for order in [OrderArg::File, OrderArg::Date] {
            let (summary, lines) = simulating(&[("a.csv", rows)], Simulate::Ticks(4), order).run().expect("a run");
            assert_eq!((summary.read, summary.printed, summary.rejected), (5, 7, 1));
            assert_eq!(
                lines[4],
                r#"{"symbol":"A","trade_date":"2024-01-03","bar":"1d","open":null,"high":null,"low":null,"close":7}"#
            );
            let [missing, outside] = &summary.warnings[..] else { panic!("{:?}", summary.warnings) };
            assert!(
                missing.contains("a.csv line 3 lacks an open, high, low or close; --simulate sends such rows"),
                "{missing}"
            );
            assert!(outside.contains("line 5 has an open or a close that is not between"), "{outside}");
        }
    }

    #[test]
    fn repeated_passes_make_the_same_rows() {
        for order in [OrderArg::File, OrderArg::Date] {
            let mut test = simulating(&[BARS], Simulate::Ticks(5), order);
            test.args.repeat = Repeat::Times(2);
            let (summary, lines) = test.run().expect("a run");
            assert_eq!((summary.read, lines.len()), (6, 30));
            assert_eq!(lines[..15], lines[15..]);
        }
    }

    #[test]
    fn another_seed_makes_other_rows() {
        let mut test = simulating(&[BARS], Simulate::Ticks(5), OrderArg::File);
        let (_, one) = test.run().expect("a run");
        test.args.seed = Some(2);
        let (summary, other) = test.run().expect("a run");
        assert_ne!(one, other);
        assert_eq!(summary.simulated.map(|simulated| simulated.seed), Some(2));
    }
}
