//! The fingerprint of a feed, which is part of the headers of its records.
//!
//! A feed sends the same records in the same order if the bytes of its files, the arguments that shape and order
//! records, and the program are the same. A symbol stays in the same partition if the number of partitions is the same.
//! The fingerprint therefore consists of these four. The headers of a record also contain a hash of its file's path,
//! which shows that the file was fed earlier, before it changed or together with different files.

use std::io::{self, Read};
use std::path::Path;

use rdkafka::message::{BorrowedHeaders, Headers};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::feed::Feed;
use crate::feed::input::Input;
use crate::plan::ReadingPlan;

/// Header that identifies the feed of a record: `<path>-<content>-<arguments>-<partitions>`, the first three in
/// hexadecimal.
pub(super) const FEED_HEADER: &str = "tickerlake-feed";
/// Header with the number of the record in its feed, from 1, in decimal.
pub(super) const ROW_HEADER: &str = "tickerlake-row";

/// Identity of a feed. The hashes are short because each record contains them, and Lambda's event uses about four bytes
/// for each byte of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FeedId {
    /// Hash of the inputs' bytes.
    pub(super) content: u64,
    /// Hash of the arguments that shape and order records, and of the program's version.
    pub(super) arguments: u32,
    /// The topic's number of partitions.
    pub(super) partitions: u32,
}

/// Identity of a feed and of its inputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    pub(super) feed: FeedId,
    /// Hashes of the inputs' paths.
    pub(super) paths: Vec<u32>,
}

/// Difference between a feed and an earlier feed of the same input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The bytes of the files, or the set of files that are fed together.
    Files,
    /// The arguments, or the program's version.
    Arguments,
    /// The topic's number of partitions; the value is the earlier number.
    Partitions(u32),
}

/// Relation of a record in the topic to a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    /// The record belongs to this feed.
    SameFeed,
    /// The record belongs to an unrelated feed.
    OtherFeed,
    /// The record was sent before something changed: it belongs to a feed with the same rows and a different number of
    /// partitions, or to a different feed of one of the inputs.
    Changed(Mismatch),
}

/// A change that makes it impossible to resume a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mismatch {
    /// The index of the input whose rows the topic contains.
    pub(super) input: usize,
    pub(super) change: Change,
}

/// Error while reading an input to compute its hash.
#[derive(Debug, Error)]
#[error("{input}: failed to read: {source}")]
pub struct ContentError {
    input: String,
    source: io::Error,
}

/// The headers of a record that a feed has sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FeedHeaders {
    /// Hash of the path of the record's input.
    pub(super) path: u32,
    pub(super) feed: FeedId,
    pub(super) row: u64,
}

impl Fingerprint {
    /// Computes the fingerprint of a feed in a topic with `partitions` partitions. `plans` are the reading plans of its
    /// inputs, with `None` for an input whose plan has not been created yet.
    ///
    /// # Errors
    /// [`ContentError`] if an input cannot be read, or can be read only once.
    pub(crate) fn new(feed: &Feed, plans: &[Option<ReadingPlan>], partitions: u32) -> Result<Self, ContentError> {
        let path = |input: &Input| {
            let path = match input {
                Input::File(path) | Input::Followed(path) => path.canonicalize().unwrap_or_else(|_| path.clone()),
                other => Path::new(&other.name()).to_owned(),
            };
            first_half(first_bytes(Sha256::digest(path.as_os_str().as_encoded_bytes()).as_slice()))
        };
        let plans: Vec<String> =
            plans.iter().map(|plan| plan.as_ref().map_or_else(String::new, ToString::to_string)).collect();
        let mut arguments = format!("{:?}", (env!("CARGO_PKG_VERSION"), feed.order(), feed.repeat(), plans));
        if let Some(simulation) = feed.simulation() {
            arguments.push_str(&format!("{simulation:?}"));
        }
        let arguments = first_half(first_bytes(Sha256::digest(arguments).as_slice()));
        let feed_id = FeedId { content: content_hash(feed.inputs())?, arguments, partitions };
        Ok(Self { feed: feed_id, paths: feed.inputs().iter().map(path).collect() })
    }

    /// Returns the value of [`FEED_HEADER`] for the records of each input.
    pub(super) fn headers(&self) -> Vec<String> {
        let FeedId { content, arguments, partitions } = self.feed;
        let header = |path| format!("{path:08x}-{content:016x}-{arguments:08x}-{partitions}");
        self.paths.iter().map(header).collect()
    }

    /// Returns the relation of a record in the topic to this feed.
    pub(super) fn relation(&self, record: FeedHeaders) -> Relation {
        let (own, other) = (self.feed, record.feed);
        let input = self.paths.iter().position(|&path| path == record.path);
        let has_same_records = own.content == other.content && own.arguments == other.arguments;
        let (input, change) = match (has_same_records, input) {
            (true, _) if own.partitions == other.partitions => return Relation::SameFeed,
            (true, input) => (input.unwrap_or(0), Change::Partitions(other.partitions)),
            (false, None) => return Relation::OtherFeed,
            (false, Some(input)) if own.content != other.content => (input, Change::Files),
            (false, Some(input)) => (input, Change::Arguments),
        };
        Relation::Changed(Mismatch { input, change })
    }
}

/// Parses the value of [`FEED_HEADER`]: the hash of a path, and a feed. Returns `None` if the value is malformed.
fn parse_feed_header(text: &[u8]) -> Option<(u32, FeedId)> {
    let mut parts = std::str::from_utf8(text).ok()?.split('-');
    let mut next = || parts.next();
    let path = u32::from_str_radix(next()?, 16).ok()?;
    let feed = FeedId {
        content: u64::from_str_radix(next()?, 16).ok()?,
        arguments: u32::from_str_radix(next()?, 16).ok()?,
        partitions: next()?.parse().ok()?,
    };
    parts.next().is_none().then_some((path, feed))
}

impl FeedHeaders {
    /// Parses the headers of a record. Returns `None` if a header is missing or malformed: the record is not from a
    /// feed with `--resume`.
    pub(super) fn parse(headers: &BorrowedHeaders) -> Option<Self> {
        let value = |key| headers.iter().find(|header| header.key == key).and_then(|header| header.value);
        let (path, feed) = parse_feed_header(value(FEED_HEADER)?)?;
        Some(Self { path, feed, row: std::str::from_utf8(value(ROW_HEADER)?).ok()?.parse().ok()? })
    }
}

/// Returns a hash of the bytes of all inputs and of the positions at which each input ends.
///
/// # Errors
/// [`ContentError`] if an input cannot be read, or is standard input or a followed file.
fn content_hash(inputs: &[Input]) -> Result<u64, ContentError> {
    let mut all = Sha256::new();
    for input in inputs {
        let digest = match input {
            Input::File(path) => std::fs::File::open(path).and_then(digest),
            Input::Bytes { bytes, .. } => digest(*bytes),
            Input::Stdin | Input::Followed(_) => Err(io::ErrorKind::Unsupported.into()),
        };
        all.update(digest.map_err(|source| ContentError { input: input.name(), source })?);
    }
    Ok(first_bytes(all.finalize().as_slice()))
}

fn digest(mut source: impl Read) -> io::Result<[u8; 32]> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 17];
    loop {
        match source.read(&mut buffer) {
            Ok(0) => return Ok(hash.finalize().into()),
            Ok(read) => hash.update(buffer.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn first_bytes(digest: &[u8]) -> u64 {
    digest.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

fn first_half(number: u64) -> u32 {
    (number >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::{FeedArgs, OrderArg, Repeat};
    use crate::cli::simulate::Simulate;
    use crate::feed::source::Source;
    use proptest::prelude::*;
    use std::sync::Arc;
    use std::time::Duration;
    use tokio_util::sync::CancellationToken;

    /// Returns the fingerprint with the plans that can be created.
    fn fingerprint(feed: &Feed, partitions: u32) -> Fingerprint {
        let open = |input| Source::open(input, feed.options(), &Arc::default(), &CancellationToken::new());
        let plans: Vec<_> = feed.inputs().iter().map(|input| open(input).ok().map(Source::into_plan)).collect();
        Fingerprint::new(feed, &plans, partitions).expect("readable")
    }

    fn id(args: &FeedArgs, partitions: u32) -> Fingerprint {
        let feed = Feed::try_from(args.clone()).expect("a feed");
        fingerprint(&feed, partitions)
    }

    /// Returns the headers of the first row, once for each of the feed's inputs.
    fn first_rows(id: &Fingerprint) -> impl Iterator<Item = FeedHeaders> {
        id.paths.iter().map(|&path| FeedHeaders { path, feed: id.feed, row: 1 })
    }

    #[test]
    fn only_arguments_that_shape_or_order_records_matter() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        for (name, text) in [("a.csv", "Symbol,Date\nA,2026-01-01\n"), ("b.csv", "Symbol,Date\nB,2026-01-01\n")] {
            std::fs::write(path(name), text).expect("written");
        }
        std::fs::copy(path("a.csv"), path("copy.csv")).expect("copied");
        let args = FeedArgs { files: vec![path("a.csv")], ..FeedArgs::default() };
        let begun = first_rows(&id(&args, 3)).next().expect("an input");
        let relation = |args: FeedArgs| id(&args, 3).relation(begun);
        let changed = |change| Relation::Changed(Mismatch { input: 0, change });
        let own = Relation::SameFeed;

        assert_eq!(relation(args.clone()), own);
        assert_eq!(relation(FeedArgs { files: vec![path("copy.csv")], ..args.clone() }), own, "another name");
        let dotted = FeedArgs { files: vec![folder.path().join(".").join("a.csv")], ..args.clone() };
        assert_eq!(id(&dotted, 3), id(&args, 3), "another spelling");
        let resumed = FeedArgs { resume: Some(Duration::from_secs(9)), rate: Some(7.0), ..args.clone() };
        assert_eq!(relation(FeedArgs { rejects: Some(folder.path().into()), ..resumed }), own, "pace and rejects");
        assert_eq!(id(&args, 4).relation(begun), changed(Change::Partitions(3)));
        assert_eq!(
            relation(FeedArgs { files: vec![path("b.csv")], ..args.clone() }),
            Relation::OtherFeed,
            "another file"
        );

        let sample = FeedArgs { order: OrderArg::Sample, seed: Some(1), ..args.clone() };
        for other in [
            FeedArgs { order: OrderArg::Date, ..args.clone() },
            sample.clone(),
            FeedArgs { repeat: Repeat::Times(2), ..args.clone() },
            FeedArgs { delimiter: Some(";".into()), ..args.clone() },
            FeedArgs { symbol: Some("A".into()), ..args.clone() },
            FeedArgs { date_format: Some("%d/%m/%Y".into()), ..args.clone() },
            FeedArgs { bar: Some("1w".into()), ..args.clone() },
            FeedArgs { simulate: Some(Simulate::Minutes), ..args.clone() },
        ] {
            assert_eq!(relation(other.clone()), changed(Change::Arguments), "{other:?}");
        }
        assert_ne!(id(&sample, 3), id(&FeedArgs { seed: Some(2), ..sample }, 3));
        let ticks = |ticks, seed| id(&FeedArgs { simulate: Some(Simulate::Ticks(ticks)), seed, ..args.clone() }, 3);
        assert_eq!(ticks(50, None), ticks(50, Some(Simulate::DEFAULT_SEED)));
        assert_ne!(ticks(50, None), ticks(50, Some(7)));
        assert_ne!(ticks(50, None), ticks(51, None));

        // The length is the same and, if the clock is coarse, so is the time of modification.
        std::fs::write(path("a.csv"), "Symbol,Date\nA,2026-01-02\n").expect("written");
        assert_eq!(relation(args), changed(Change::Files));
    }

    #[test]
    fn a_file_fed_with_other_files_is_recognised_by_its_path() {
        let bytes = |name, bytes| Input::Bytes { name, bytes };
        let (a, b, c) = (bytes("a", b"1"), bytes("b", b"2"), bytes("c", b"3"));
        let of = |inputs: &[&Input]| {
            let inputs: Vec<Input> = inputs.iter().map(|&input| input.clone()).collect();
            let feed = Feed::new(FeedArgs::default(), inputs).expect("a feed");
            fingerprint(&feed, 3)
        };
        let relations = |now: &[&Input], then: &[&Input]| -> Vec<_> {
            let now = of(now);
            first_rows(&of(then)).map(|record| now.relation(record)).collect()
        };
        let changed = |input| Relation::Changed(Mismatch { input, change: Change::Files });
        let other = Relation::OtherFeed;
        assert_eq!(relations(&[&a, &b, &c], &[&a, &b]), [changed(0), changed(1)], "another file was added");
        assert_eq!(relations(&[&a, &b], &[&b]), [changed(1)]);
        assert_eq!(relations(&[&b], &[&a, &b]), [other, changed(0)]);
        assert_eq!(relations(&[&c], &[&a, &b]), [other, other]);
        assert_eq!(relations(&[&b, &a], &[&a, &b]), [changed(1), changed(0)], "in another order");
    }

    #[test]
    fn the_end_of_each_file_is_hashed() {
        let bytes = |bytes| Input::Bytes { name: "sample", bytes };
        let of = |inputs: &[Input]| content_hash(inputs).expect("memory");
        assert_ne!(of(&[bytes(b"ab"), bytes(b"c")]), of(&[bytes(b"a"), bytes(b"bc")]));
        assert_ne!(of(&[bytes(b"ab")]), of(&[bytes(b"ab"), bytes(b"")]));
    }

    #[test]
    fn a_feed_header_is_parsed_as_written() {
        let feed = FeedId { content: 0x0123_4567_89ab_cdef, arguments: 0xffff_0000, partitions: 12 };
        let headers = Fingerprint { feed, paths: vec![0xab, 0xcd] }.headers();
        assert_eq!(headers[0], "000000ab-0123456789abcdef-ffff0000-12");
        assert_eq!(parse_feed_header(headers[1].as_bytes()), Some((0xcd, feed)));
        for other in ["", "ab", "1-2-3", "1-2-3-4-5", "1-2-3-x", "g-2-3-4", "100000000-2-3-4"] {
            assert_eq!(parse_feed_header(other.as_bytes()), None, "{other}");
        }
        assert_eq!(parse_feed_header(b"\xff"), None);
    }

    proptest! {
        #[test]
        fn any_feed_header_is_parsed_as_written(
            path in any::<u32>(), content in any::<u64>(), arguments in any::<u32>(), partitions in any::<u32>()
        ) {
            let feed = FeedId { content, arguments, partitions };
            let headers = Fingerprint { feed, paths: vec![path] }.headers();
            prop_assert_eq!(parse_feed_header(headers[0].as_bytes()), Some((path, feed)));
        }

        #[test]
        fn no_header_causes_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = parse_feed_header(&bytes);
        }
    }
}
