//! The checks before a feed: nothing is sent before every header is known to be usable and every rejects file
//! writable.

use std::path::PathBuf;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::cli::args::Repeat;
use crate::feed::input::Input;
use crate::feed::{Feed, Order};
use crate::report::progress::Progress;
use crate::report::rejects::Rejects;
use crate::run::{RunError, open};

/// A header that cannot be used is known before anything is sent, and so is a misspelt `--numeric`.
pub(crate) fn check_headers(feed: &Feed, progress: &Progress, shutdown: &CancellationToken) -> Result<(), RunError> {
    let uncounted = Arc::new(Progress::default());
    let mut columns = Vec::new();
    let (known, pipes): (Vec<&Input>, Vec<&Input>) = feed.inputs().iter().partition(|input| input.can_be_read_again());
    for input in known {
        let source = open(input, feed, &uncounted, shutdown)?;
        columns.extend(source.header().columns().iter().map(|column| column.name.clone()));
    }
    // A pipe's columns are known only once its rows are sent.
    let unknown = |name: &&String| pipes.is_empty() && !columns.contains(name);
    for name in feed.reading().numeric.iter().filter(unknown) {
        progress.notice(format!("--numeric {name}: no input has such a column"));
    }
    Ok(())
}

/// A rejects file for each input; a file that is named twice has its rejects written once.
pub(crate) fn prepare_rejects(feed: &Feed) -> Result<Vec<Option<Rejects>>, RunError> {
    let prepare = |(input, path): (&Input, &Option<PathBuf>)| match (path.clone(), input) {
        (None, _) => Ok(None),
        (Some(path), Input::Bytes { .. }) => Ok(Some(Rejects::unprepared(path))),
        (Some(path), _) => {
            Rejects::prepare(path.clone()).map(Some).map_err(|problem| RunError::Rejects { path, problem })
        }
    };
    feed.inputs().iter().zip(feed.rejects_paths()).map(prepare).collect()
}

/// How many bytes all passes will read, for the display, where that can be told.
pub(crate) fn expect_bytes(feed: &Feed, progress: &Progress) {
    let passes = match (feed.order(), feed.repeat()) {
        (Order::File, Repeat::Forever) => return,
        (Order::File, Repeat::Times(times)) => times,
        _ => 1,
    };
    let size: Option<u64> = feed.inputs().iter().map(Input::size).sum();
    progress.expect_bytes(size.unwrap_or(0).saturating_mul(passes));
}

#[cfg(test)]
mod tests {
    use crate::test_feed::{A, Bench};

    #[test]
    fn a_bad_header_in_the_last_file_keeps_the_first_from_being_sent() {
        let bench = Bench::new(&[A, ("c.csv", "Symbol,Open\nA,1\n")]);
        let error = bench.run().expect_err("refused").to_string();
        assert!(error.contains("c.csv: no column for trade_date"), "{error}");
        assert_eq!(bench.progress.snapshot().sent, 0);
    }

    #[test]
    fn a_pipe_does_not_hide_the_header_of_a_file_after_it() {
        let mut bench = Bench::new(&[("c.csv", "Symbol,Open\nA,1\n")]);
        bench.args.files.insert(0, "-".into());
        bench.args.rejects = Some(bench.folder.path().into());
        let error = bench.run().expect_err("refused").to_string();
        assert!(error.contains("c.csv: no column for trade_date"), "{error}");
    }

    #[test]
    fn nothing_is_sent_when_rejects_cannot_be_written() {
        let bench = Bench::new(&[A]);
        std::fs::create_dir(bench.folder.path().join("a.csv.rejects.csv")).expect("created");
        let error = bench.run().expect_err("refused").to_string();
        assert!(error.contains("--rejects"), "{error}");
        assert_eq!(bench.progress.snapshot().sent, 0);
    }
}
