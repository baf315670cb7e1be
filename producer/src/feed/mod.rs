//! Validates the arguments once, into a [`Feed`]: which rows to send, in which order and how fast.

mod archive;
mod encoding;
mod follow;
pub mod input;
pub(crate) mod interleave;
pub(crate) mod open;
pub(crate) mod pace;
mod pipe;
pub(crate) mod record_buffer;
mod rejects_paths;
pub(crate) mod row_id;
pub mod source;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use thiserror::Error;

use self::input::Input;
use self::pace::Pace;
use self::rejects_paths::{RejectsPathError, rejects_paths};
use crate::cli::args::{FeedArgs, OrderArg, Repeat};
use crate::cli::simulate::Simulate;
use crate::plan::options::{PlanOptions, PlanOptionsError};
use crate::simulate::Simulation;

/// Order in which rows are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The order of the inputs and of their rows.
    File,
    /// By date across all inputs. Rows with the same time keep the order of the inputs.
    Date,
    /// Random rows, drawn with replacement. Each pass draws as many rows as the inputs have.
    Sample {
        /// Seed of the random number generator. The same seed draws the same rows.
        seed: u64,
    },
}

/// A validated feed.
#[derive(Debug, Clone, PartialEq)]
pub struct Feed {
    inputs: Vec<Input>,
    order: Order,
    repeat: Repeat,
    pace: Pace,
    options: PlanOptions,
    resume: Option<Duration>,
    simulation: Option<Simulation>,
    /// Path of each input's rejects file; `None` for an input that occurs earlier in the list.
    rejects_paths: Vec<Option<PathBuf>>,
}

/// Reason that arguments are not a valid feed. Each message names the argument to change.
#[derive(Debug, Error)]
pub enum FeedError {
    /// No input is named.
    #[error("no input: give the paths of CSV files, or `-` for standard input")]
    NoInput,
    /// A file does not exist, or its metadata cannot be read.
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    /// An input is a folder.
    #[error("{} is a folder; give the paths of the CSV files in it", .0.display())]
    Folder(PathBuf),
    /// Standard input is named more than once.
    #[error("`-`: standard input can be given only once")]
    StdinTwice,
    /// `--repeat` is given for an input that can be read only once.
    #[error(
        "--repeat: {0} can be read only once; with --order date or sample its rows are kept in memory and can be sent again"
    )]
    RepeatPipe(String),
    /// The options for reading CSV are invalid.
    #[error(transparent)]
    Options(#[from] PlanOptionsError),
    /// `--seed` is given without `--order sample` or `--simulate`, so nothing is random.
    #[error("--seed: applies to --order sample and --simulate only; add one of them, or leave out --seed")]
    Seed,
    /// `--simulate` is given with `--order sample`. A simulated bar is a sequence of rows, which a random order would
    /// break up.
    #[error(
        "--simulate: does not work with --order sample, which sends rows in random order; leave out one of the two"
    )]
    SimulateSample,
    /// `--follow` is given with an argument that needs the end of the input.
    #[error("--follow: {0} needs the end of the file, which a growing file does not have; leave out one of the two")]
    FollowToEnd(&'static str),
    /// The input to follow is not exactly one regular file.
    #[error("--follow: {0}; give the path of one regular file")]
    FollowInput(String),
    /// `--speed` is given with `--order sample`. Rows in random order cannot be sent at the pace of their dates.
    #[error("--speed: does not work with --order sample, which sends rows in random order; use --rate instead")]
    SpeedOfSample,
    /// `--resume` is given for an input that can be read only once.
    #[error(
        "--resume: {0} cannot be read a second time, but resuming reads every row again; give the path of a regular file"
    )]
    ResumePipe(String),
    /// `--resume` is given with `--order sample` but without `--seed`, so each run would draw different rows.
    #[error("--resume with --order sample needs a fixed --seed N")]
    ResumeSample,
    /// `--resume` is given with `--repeat forever`. An endless feed would take longer to resume each time.
    #[error("--resume: --repeat forever has no last row, and resuming would take longer each time; give --repeat N")]
    ResumeForever,
    /// Rejected rows cannot be written to the chosen files.
    #[error(transparent)]
    RejectsPath(#[from] RejectsPathError),
}

impl TryFrom<FeedArgs> for Feed {
    type Error = FeedError;

    fn try_from(args: FeedArgs) -> Result<Self, FeedError> {
        let inputs = inputs(&args.files)?;
        Self::new(args, inputs)
    }
}

impl Feed {
    /// Creates the feed that the arguments describe. It reads `sample` if the arguments name no file.
    ///
    /// # Errors
    /// [`FeedError`] if the arguments are not a valid feed.
    pub fn or_sample(args: FeedArgs, sample: Input) -> Result<Self, FeedError> {
        let inputs = if args.files.is_empty() { vec![sample] } else { inputs(&args.files)? };
        Self::new(args, inputs)
    }

    /// Creates a feed that reads `inputs`. The other arguments apply, but the files that they name are ignored.
    ///
    /// # Errors
    /// [`FeedError`] if the arguments are not a valid feed.
    pub fn new(args: FeedArgs, inputs: Vec<Input>) -> Result<Self, FeedError> {
        if inputs.is_empty() {
            return Err(FeedError::NoInput);
        }
        if inputs.iter().filter(|input| **input == Input::Stdin).count() > 1 {
            return Err(FeedError::StdinTwice);
        }
        let inputs = if args.follow { vec![followed(&args, inputs)?] } else { inputs };
        if args.resume.is_some() {
            check_resumable(&args, &inputs)?;
        }
        let order = match (args.order, args.seed) {
            (OrderArg::Sample, _) if args.simulate.is_some() => return Err(FeedError::SimulateSample),
            (OrderArg::Sample, seed) => Order::Sample { seed: seed.unwrap_or_else(rand::random) },
            (_, Some(_)) if args.simulate.is_none() => return Err(FeedError::Seed),
            (OrderArg::File, _) => Order::File,
            (OrderArg::Date, _) => Order::Date,
        };
        let seed = args.seed.unwrap_or(Simulate::DEFAULT_SEED);
        let simulation = args.simulate.map(|rows| Simulation { rows, seed });
        let pace = match (args.rate, args.speed) {
            (Some(rate), _) => Pace::Rate(rate),
            (None, Some(_)) if matches!(order, Order::Sample { .. }) => {
                return Err(FeedError::SpeedOfSample);
            }
            (None, Some(times)) => Pace::Speed(times),
            (None, None) => Pace::Unlimited,
        };
        if order == Order::File
            && args.repeat != Repeat::Times(1)
            && let Some(pipe) = inputs.iter().find(|input| !input.is_repeatable())
        {
            return Err(FeedError::RepeatPipe(pipe.name()));
        }
        let options = PlanOptions::new(&args, Timestamp::now())?;
        let rejects_paths = rejects_paths(&inputs, args.rejects.as_deref())?;
        let (repeat, resume) = (args.repeat, args.resume);
        Ok(Self { inputs, order, repeat, pace, options, resume, simulation, rejects_paths })
    }

    #[must_use]
    pub(crate) fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    #[must_use]
    pub(crate) fn order(&self) -> Order {
        self.order
    }

    /// Returns the number of times that all rows are sent.
    #[must_use]
    pub(crate) fn repeat(&self) -> Repeat {
        self.repeat
    }

    #[must_use]
    pub(crate) fn pace(&self) -> Pace {
        self.pace
    }

    #[must_use]
    pub(crate) fn options(&self) -> &PlanOptions {
        &self.options
    }

    /// Returns the time for which no new row of the feed may arrive in the topic before a resumed feed continues, or
    /// `None` if the feed starts at the first row.
    #[must_use]
    pub(crate) fn resume(&self) -> Option<Duration> {
        self.resume
    }

    /// Returns the simulation that replaces bars with rows; `None` if bars are sent unchanged.
    #[must_use]
    pub(crate) fn simulation(&self) -> Option<Simulation> {
        self.simulation
    }

    /// Returns `true` if the feed has no last row, so that a shutdown is its normal end and not an interruption.
    #[must_use]
    pub(crate) fn is_endless(&self) -> bool {
        self.repeat == Repeat::Forever || self.inputs.iter().any(|input| matches!(input, Input::Followed(_)))
    }

    /// Returns the path of each input's rejects file; `None` for an input that occurs earlier in the list.
    pub(crate) fn rejects_paths(&self) -> &[Option<PathBuf>] {
        &self.rejects_paths
    }
}

/// Checks that the feed sends the same rows each time, as resuming requires.
fn check_resumable(args: &FeedArgs, inputs: &[Input]) -> Result<(), FeedError> {
    if let Some(pipe) = inputs.iter().find(|input| !input.is_repeatable()) {
        return Err(FeedError::ResumePipe(pipe.name()));
    }
    match (args.order, args.seed, args.repeat) {
        (OrderArg::Sample, None, _) => Err(FeedError::ResumeSample),
        (_, _, Repeat::Forever) => Err(FeedError::ResumeForever),
        _ => Ok(()),
    }
}

/// Returns the input to follow, or an error if the inputs are not exactly one regular file or another argument
/// conflicts with `--follow`.
fn followed(args: &FeedArgs, inputs: Vec<Input>) -> Result<Input, FeedError> {
    let needs_end = match (args.order, args.repeat) {
        _ if args.resume.is_some() => Some("--resume"),
        (OrderArg::Date, _) => Some("--order date"),
        (OrderArg::Sample, _) => Some("--order sample"),
        (OrderArg::File, Repeat::Times(1)) => None,
        (OrderArg::File, _) => Some("--repeat"),
    };
    if let Some(other) = needs_end {
        return Err(FeedError::FollowToEnd(other));
    }
    match inputs.as_slice() {
        [Input::File(path)] if inputs[0].is_repeatable() => Ok(Input::Followed(path.clone())),
        [input] => Err(FeedError::FollowInput(format!("{} is not a regular file", input.name()))),
        _ => Err(FeedError::FollowInput("several files cannot be followed by one command".to_owned())),
    }
}

fn inputs(files: &[PathBuf]) -> Result<Vec<Input>, FeedError> {
    files
        .iter()
        .map(|path| {
            if path.as_os_str() == "-" {
                return Ok(Input::Stdin);
            }
            match path.metadata() {
                Ok(metadata) if metadata.is_dir() => Err(FeedError::Folder(path.clone())),
                Ok(_) => Ok(Input::File(path.clone())),
                Err(source) => Err(FeedError::File { path: path.clone(), source }),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: Input = Input::Bytes { name: "sample", bytes: b"Symbol,Date\n" };

    fn message(args: FeedArgs) -> String {
        Feed::or_sample(args, SAMPLE).expect_err("rejected").to_string()
    }

    fn files(names: &[&str]) -> Vec<PathBuf> {
        names.iter().map(PathBuf::from).collect()
    }

    #[test]
    fn the_sample_is_fed_if_no_file_is_named() {
        let feed = Feed::or_sample(FeedArgs::default(), SAMPLE).expect("a feed");
        assert_eq!((feed.inputs(), feed.order(), feed.pace()), (&[SAMPLE][..], Order::File, Pace::Unlimited));
        assert!(matches!(Feed::try_from(FeedArgs::default()), Err(FeedError::NoInput)));
    }

    #[test]
    fn contradicting_arguments_are_named() {
        let defaults = FeedArgs::default;
        let sample = OrderArg::Sample;
        let pipe = || files(&["-"]);
        let resume = Some(Duration::from_secs(5));
        for (args, named) in [
            (FeedArgs { seed: Some(1), ..defaults() }, "--seed"),
            (FeedArgs { order: sample, speed: Some(1.0), ..defaults() }, "--speed"),
            (FeedArgs { files: pipe(), repeat: Repeat::Forever, ..defaults() }, "--repeat: standard input"),
            (FeedArgs { files: files(&["-", "-"]), ..defaults() }, "`-`"),
            (FeedArgs { delimiter: Some(";;".into()), ..defaults() }, "--delimiter: `;;`"),
            (FeedArgs { symbol: Some(String::new()), ..defaults() }, "--symbol is empty"),
            (FeedArgs { symbol: Some("A\tB".into()), ..defaults() }, "--symbol: \"A\\tB\" contains"),
            (FeedArgs { date_format: Some("%d/%m".into()), ..defaults() }, "--date-format: `%d/%m` does not give year"),
            (FeedArgs { numeric: vec!["Symbol".into()], ..defaults() }, "--numeric: `Symbol`"),
            (FeedArgs { rejects: Some("/nowhere/at/all".into()), ..defaults() }, "--rejects: /nowhere"),
            (FeedArgs { files: pipe(), resume, ..defaults() }, "--resume: standard input cannot"),
            (FeedArgs { files: files(&["/dev/null"]), resume, ..defaults() }, "--resume: /dev/null cannot"),
            (FeedArgs { order: sample, resume, ..defaults() }, "--resume with --order sample"),
            (FeedArgs { repeat: Repeat::Forever, resume, ..defaults() }, "--resume: --repeat forever"),
            (FeedArgs { files: files(&["/nowhere.csv"]), ..defaults() }, "/nowhere.csv: No such file"),
            (FeedArgs { files: files(&["/"]), ..defaults() }, "/ is a folder"),
            (FeedArgs { order: sample, simulate: Some(Simulate::Minutes), ..defaults() }, "--simulate: does not work"),
            (FeedArgs { follow: true, ..defaults() }, "--follow: sample is not a regular file"),
            (FeedArgs { files: pipe(), follow: true, ..defaults() }, "--follow: standard input is not a regular"),
            (FeedArgs { files: files(&["/dev/null"; 2]), follow: true, ..defaults() }, "--follow: several files"),
            (FeedArgs { follow: true, resume, ..defaults() }, "--follow: --resume needs the end"),
            (FeedArgs { follow: true, order: OrderArg::Date, ..defaults() }, "--follow: --order date needs"),
            (FeedArgs { follow: true, order: sample, ..defaults() }, "--follow: --order sample needs"),
            (FeedArgs { follow: true, repeat: Repeat::Forever, ..defaults() }, "--follow: --repeat needs"),
        ] {
            let message = message(args);
            assert!(message.starts_with(named), "{message}");
        }
        let buffered = FeedArgs { files: pipe(), order: sample, repeat: Repeat::Forever, ..defaults() };
        assert!(Feed::try_from(buffered).is_ok());
    }
}
