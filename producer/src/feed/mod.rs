//! A feed: which rows are sent, in which order, how fast. Validated once.

pub mod input;
pub mod pace;
pub(crate) mod record_buffer;
pub(crate) mod rejects_paths;
pub mod source;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use crate::cli::args::{FeedArgs, OrderArg, Repeat};
use crate::csv::date::PatternError;
use crate::csv::delimiter::DelimiterError;
use crate::csv::options::Reading;
use crate::feed::input::Input;
use crate::feed::pace::Pace;
use crate::feed::rejects_paths::rejects_paths;

/// The order of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// As the inputs have them.
    File,
    /// By date across all inputs; rows of one moment stay in the inputs' order.
    Date,
    /// Random rows, drawn with replacement; a pass draws as many as there are.
    Sample {
        /// The same seed draws the same rows.
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
    reading: Reading,
    resume: Option<Duration>,
    /// By input.
    rejects_paths: Vec<Option<PathBuf>>,
}

/// Why arguments make no feed; each names the argument to change.
#[derive(Debug, Error)]
pub enum FeedError {
    /// Nothing to feed.
    #[error("no input: name CSV files, or `-` for standard input")]
    NoInput,
    /// A file that cannot be read.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is the matter.
        problem: io::Error,
    },
    /// A folder where a file was expected.
    #[error("{}: is a folder; name the CSV files in it", .0.display())]
    Folder(PathBuf),
    /// Standard input cannot be read twice at once.
    #[error("`-`: standard input can be named once only")]
    StdinTwice,
    /// An input that gives its rows once only.
    #[error(
        "--repeat: {0} can be read once only; with --order date or sample its rows are held in memory and can be sent again"
    )]
    RepeatPipe(String),
    /// Nothing that separates columns.
    #[error("--delimiter: {0}")]
    Delimiter(DelimiterError),
    /// A symbol of nothing.
    #[error("--symbol: is empty; give the symbol of every row, such as AAPL")]
    EmptySymbol,
    /// A symbol that no record should have as its key.
    #[error("--symbol: {0:?} holds a control character")]
    ControlInSymbol(String),
    /// A bad date format.
    #[error("--date-format: {0}")]
    DateFormat(PatternError),
    /// Not the name of a number column.
    #[error("--numeric: `{0}` cannot be a number column")]
    Numeric(String),
    /// Nothing is random.
    #[error("--seed: applies to --order sample only")]
    Seed,
    /// Random rows have no course of time.
    #[error("--speed: random rows do not follow their dates; use --rate with --order sample")]
    SpeedOfSample,
    /// Rows that cannot be found again.
    #[error("--resume: {0} cannot be read a second time, and going on begins with the first row; name a file")]
    ResumePipe(String),
    /// Other rows each time.
    #[error("--resume: --order sample draws other rows each time; give --seed N, the same each time")]
    ResumeSample,
    /// A feed that has no end to get to.
    #[error("--resume: --repeat forever has no last row, and going on would take longer each time; give --repeat N")]
    ResumeForever,
    /// No such folder.
    #[error("--rejects: {} is not a folder", .0.display())]
    Rejects(PathBuf),
    /// An input that would be overwritten with the rejected rows of another.
    #[error("{}: the rejected rows of {input} would overwrite the input {other}; leave it out, or name a folder with --rejects", path.display())]
    RejectsIsInput {
        /// The input whose rejected rows go there.
        input: String,
        /// The other input.
        other: String,
        /// The file, as it would be named for rejected rows.
        path: PathBuf,
    },
    /// Two inputs whose rejected rows would be mixed.
    #[error("--rejects: {first} and {second} would both have their rejected rows in {}", path.display())]
    SameRejects {
        /// One input.
        first: String,
        /// The other.
        second: String,
        /// The file.
        path: PathBuf,
    },
}

impl TryFrom<FeedArgs> for Feed {
    type Error = FeedError;

    fn try_from(args: FeedArgs) -> Result<Self, FeedError> {
        let inputs = inputs(&args.files)?;
        Self::new(args, inputs)
    }
}

impl Feed {
    /// The feed of the arguments, or of `sample` if they name no file.
    ///
    /// # Errors
    /// [`FeedError`] names the argument to change.
    pub fn or_sample(args: FeedArgs, sample: Input) -> Result<Self, FeedError> {
        let inputs = if args.files.is_empty() { vec![sample] } else { inputs(&args.files)? };
        Self::new(args, inputs)
    }

    /// The feed of `inputs`, as the arguments say; their own files are not looked at.
    ///
    /// # Errors
    /// [`FeedError`] names the argument to change.
    pub fn new(args: FeedArgs, inputs: Vec<Input>) -> Result<Self, FeedError> {
        if inputs.is_empty() {
            return Err(FeedError::NoInput);
        }
        if inputs.iter().filter(|input| **input == Input::Stdin).count() > 1 {
            return Err(FeedError::StdinTwice);
        }
        if args.resume.is_some() {
            resumable(&args, &inputs)?;
        }
        let order = match (args.order, args.seed) {
            (OrderArg::Sample, seed) => Order::Sample { seed: seed.unwrap_or_else(rand::random) },
            (_, Some(_)) => return Err(FeedError::Seed),
            (OrderArg::File, None) => Order::File,
            (OrderArg::Date, None) => Order::Date,
        };
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
            && let Some(pipe) = inputs.iter().find(|input| !input.can_be_read_again())
        {
            return Err(FeedError::RepeatPipe(pipe.name()));
        }
        let reading = Reading::try_from(&args)?;
        if let Some(folder) = args.rejects.as_ref().filter(|folder| !folder.is_dir()) {
            return Err(FeedError::Rejects(folder.clone()));
        }
        let rejects_paths = rejects_paths(&inputs, args.rejects.as_deref())?;
        Ok(Self { inputs, order, repeat: args.repeat, pace, reading, resume: args.resume, rejects_paths })
    }

    /// The inputs, in order.
    #[must_use]
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// The order of the rows.
    #[must_use]
    pub fn order(&self) -> Order {
        self.order
    }

    /// How often everything is sent.
    #[must_use]
    pub fn repeat(&self) -> Repeat {
        self.repeat
    }

    /// How fast records are sent.
    #[must_use]
    pub fn pace(&self) -> Pace {
        self.pace
    }

    /// How the inputs are read.
    #[must_use]
    pub fn reading(&self) -> &Reading {
        &self.reading
    }

    /// How long to wait for an earlier run's last records before going on from them; `None` if the feed begins anew.
    #[must_use]
    pub fn resume(&self) -> Option<Duration> {
        self.resume
    }

    /// Where each input's rejected rows go; nowhere if the input was named before.
    pub(crate) fn rejects_paths(&self) -> &[Option<PathBuf>] {
        &self.rejects_paths
    }
}

/// A feed can go on only if it would be the same from its first row.
fn resumable(args: &FeedArgs, inputs: &[Input]) -> Result<(), FeedError> {
    if let Some(pipe) = inputs.iter().find(|input| !input.can_be_read_again()) {
        return Err(FeedError::ResumePipe(pipe.name()));
    }
    match (args.order, args.seed, args.repeat) {
        (OrderArg::Sample, None, _) => Err(FeedError::ResumeSample),
        (_, _, Repeat::Forever) => Err(FeedError::ResumeForever),
        _ => Ok(()),
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
                Err(problem) => Err(FeedError::File { path: path.clone(), problem }),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: Input = Input::Bytes { name: "sample", bytes: b"Symbol,Date\n" };

    fn message(args: FeedArgs) -> String {
        Feed::or_sample(args, SAMPLE).expect_err("refused").to_string()
    }

    fn files(names: &[&str]) -> Vec<PathBuf> {
        names.iter().map(PathBuf::from).collect()
    }

    #[test]
    fn the_sample_is_fed_when_no_file_is_named() {
        let feed = Feed::or_sample(FeedArgs::default(), SAMPLE).expect("a feed");
        assert_eq!((feed.inputs(), feed.order(), feed.pace()), (&[SAMPLE][..], Order::File, Pace::Unlimited));
        assert!(matches!(Feed::try_from(FeedArgs::default()), Err(FeedError::NoInput)));
    }

    #[test]
    fn arguments_that_contradict_each_other_are_named() {
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
            (FeedArgs { symbol: Some(String::new()), ..defaults() }, "--symbol: is empty"),
            (FeedArgs { symbol: Some("A\tB".into()), ..defaults() }, "--symbol: \"A\\tB\" holds"),
            (FeedArgs { date_format: Some("%d/%m".into()), ..defaults() }, "--date-format: `%d/%m` does not give"),
            (FeedArgs { numeric: vec!["Ticker".into()], ..defaults() }, "--numeric: `Ticker`"),
            (FeedArgs { rejects: Some("/nowhere/at/all".into()), ..defaults() }, "--rejects: /nowhere"),
            (FeedArgs { files: pipe(), resume, ..defaults() }, "--resume: standard input cannot"),
            (FeedArgs { files: files(&["/dev/null"]), resume, ..defaults() }, "--resume: /dev/null cannot"),
            (FeedArgs { order: sample, resume, ..defaults() }, "--resume: --order sample"),
            (FeedArgs { repeat: Repeat::Forever, resume, ..defaults() }, "--resume: --repeat forever"),
            (FeedArgs { files: files(&["/nowhere.csv"]), ..defaults() }, "/nowhere.csv: No such file"),
            (FeedArgs { files: files(&["/"]), ..defaults() }, "/: is a folder"),
        ] {
            let message = message(args);
            assert!(message.starts_with(named), "{message}");
        }
        let held = FeedArgs { files: pipe(), order: sample, repeat: Repeat::Forever, ..defaults() };
        assert!(Feed::try_from(held).is_ok());
    }
}
