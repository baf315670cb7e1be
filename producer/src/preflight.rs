//! Checks everything that can be checked before the first record is sent: the reading plans and the files of rejected
//! rows.

use std::path::PathBuf;
use std::sync::Arc;

use terminal::numbers::counted;
use tokio_util::sync::CancellationToken;

use crate::cli::args::Repeat;
use crate::feed::input::Input;
use crate::feed::source::{InputError, Source};
use crate::feed::{Feed, Order};
use crate::plan::ReadingPlan;
use crate::report::progress::Progress;
use crate::report::rejects::{Rejects, RejectsError};

/// Maximum number of files whose plans are announced. If there are more, a notice gives the number of the others.
const MAX_ANNOUNCED: usize = 10;

/// Creates the reading plan of every file, announces the first [`MAX_ANNOUNCED`] of them, and adds a notice for each
/// `--numeric` column that no input has. Returns the plan of each input; `None` for a pipe or a followed file, whose
/// plan is created when its rows are sent.
pub(crate) fn check_plans(
    feed: &Feed,
    progress: &Progress,
    shutdown: &CancellationToken,
) -> Result<Vec<Option<ReadingPlan>>, InputError> {
    // The feed opens the files again, so the bytes that are read here must not count as progress.
    let uncounted = Arc::new(Progress::default());
    let mut plans = Vec::new();
    let mut files = 0;
    for input in feed.inputs() {
        if !input.is_repeatable() {
            plans.push(None);
            continue;
        }
        let source = Source::open(input, feed.options(), &uncounted, shutdown)?;
        if files < MAX_ANNOUNCED {
            announce(&source, progress);
        }
        files += 1;
        plans.push(Some(source.into_plan()));
    }
    if let Some(more) = files.checked_sub(MAX_ANNOUNCED).filter(|more| *more > 0) {
        progress.notice(format!(
            "the plans of {} are not shown; run `tickerlake inspect`",
            counted(more as u64, "file", "files")
        ));
    }
    let has = |name: &String| plans.iter().flatten().any(|plan| plan.columns.iter().any(|column| column.name == *name));
    let unknown = |name: &&String| plans.iter().all(Option::is_some) && !has(name);
    for name in feed.options().numeric.iter().filter(unknown) {
        progress.notice(format!("--numeric {name}: no input has a column of this name"));
    }
    Ok(plans)
}

/// Adds notices that show the plan of an input and its warnings.
pub(crate) fn announce(source: &Source, progress: &Progress) {
    progress.notice(format!("{}: {}", source.name(), source.plan().line()));
    for warning in &source.plan().warnings {
        progress.notice(format!("warning: {}: {warning}", source.name()));
    }
}

/// Prepares the rejects file of each input. Returns `None` for an input that occurs earlier in the list.
pub(crate) fn prepare_rejects(feed: &Feed) -> Result<Vec<Option<Rejects>>, RejectsError> {
    let prepare = |(input, path): (&Input, &Option<PathBuf>)| match (path.clone(), input) {
        (None, _) => Ok(None),
        (Some(path), Input::Bytes { .. }) => Ok(Some(Rejects::unprepared(path))),
        (Some(path), _) => Rejects::prepare(path).map(Some),
    };
    feed.inputs().iter().zip(feed.rejects_paths()).map(prepare).collect()
}

/// Sets the number of bytes that the feed will read from its inputs, for the display; 0 if the number is unknown.
pub(crate) fn set_expected_bytes(feed: &Feed, progress: &Progress) {
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
    use crate::test_feed::{A, TestFeed};

    #[test]
    fn a_bad_header_in_any_file_prevents_sending() {
        let test = TestFeed::new(&[A, ("c.csv", "Symbol,Open\nA,1\n")]);
        let error = test.run().expect_err("rejected").to_string();
        assert!(error.contains("c.csv: no column has dates"), "{error}");
        assert_eq!(test.progress.snapshot().sent, 0);
    }

    #[test]
    fn a_file_after_a_pipe_is_checked() {
        let mut test = TestFeed::new(&[("c.csv", "Symbol,Open\nA,1\n")]);
        test.args.files.insert(0, "-".into());
        test.args.rejects = Some(test.folder.path().into());
        let error = test.run().expect_err("rejected").to_string();
        assert!(error.contains("c.csv: no column has dates"), "{error}");
    }

    #[test]
    fn an_unwritable_rejects_file_prevents_sending() {
        let test = TestFeed::new(&[A]);
        std::fs::create_dir(test.folder.path().join("a.csv.rejects.csv")).expect("created");
        let error = test.run().expect_err("rejected").to_string();
        assert!(error.contains("--rejects"), "{error}");
        assert_eq!(test.progress.snapshot().sent, 0);
    }
}
