//! Which feed a record is of: what its header says of the feed's files, arguments and partitions.
//!
//! A feed sends the same records in the same order whenever the bytes of its files, the arguments that shape and order
//! records, and the program are the same; a symbol is in the same partition as long as their number is. So these make
//! up its identity. The path of a record's own file is said besides: it tells that a file was fed before, as it was
//! then or together with others.

use std::io::{self, Read};
use std::path::Path;

use rdkafka::message::{BorrowedHeaders, Headers};
use sha2::{Digest, Sha256};

use crate::feed::Feed;
use crate::feed::input::Input;

/// The header that says which feed a record is of.
pub(crate) const FEED_HEADER: &str = "tickerlake-feed";
/// The header that says which record of its feed it is, counted from 1, in decimal.
pub(crate) const ROW_HEADER: &str = "tickerlake-row";

/// What a feed is known by. Short hashes, since each record carries them, and each byte takes four in an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FeedId {
    /// Of the files' bytes.
    pub(crate) content: u64,
    /// Of the arguments that shape and order records, and of the program's version.
    pub(crate) arguments: u32,
    /// How many partitions the topic has.
    pub(crate) partitions: u32,
}

/// A feed, and where its files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) feed: FeedId,
    /// Of each input's path.
    pub(crate) places: Vec<u32>,
}

/// What has changed since rows of an input were sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The files' bytes, or which files are fed together.
    Files,
    /// The arguments, or the program.
    Arguments,
    /// The topic had so many partitions.
    Partitions(u32),
}

/// What a record's headers say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Of the path of the record's input.
    pub(crate) place: u32,
    pub(crate) feed: FeedId,
    pub(crate) row: u64,
}

impl Identity {
    /// The identity of a feed whose files hold `content`, in a topic of so many partitions.
    pub(crate) fn new(feed: &Feed, content: u64, partitions: u32) -> Self {
        let place = |input: &Input| {
            let path = match input {
                Input::File(path) => path.canonicalize().unwrap_or_else(|_| path.clone()),
                other => Path::new(&other.name()).to_owned(),
            };
            first_half(first_bytes(Sha256::digest(path.as_os_str().as_encoded_bytes()).as_slice()))
        };
        let reading = feed.reading();
        let arguments = format!(
            "{:?}",
            (
                env!("CARGO_PKG_VERSION"),
                feed.order(),
                feed.repeat(),
                reading.delimiter.byte(),
                &reading.symbol,
                reading.dates.pattern(),
                &reading.numeric,
            )
        );
        let arguments = first_half(first_bytes(Sha256::digest(arguments).as_slice()));
        let feed_id = FeedId { content, arguments, partitions };
        Self { feed: feed_id, places: feed.inputs().iter().map(place).collect() }
    }

    /// What [`FEED_HEADER`] says of the records of each input.
    pub(crate) fn headers(&self) -> Vec<String> {
        let FeedId { content, arguments, partitions } = self.feed;
        let header = |place| format!("{place:08x}-{content:016x}-{arguments:08x}-{partitions}");
        self.places.iter().map(header).collect()
    }

    /// How a record that is there stands to this feed: it is of it, it is of another (`None`), or it is of one of its
    /// inputs, or of the whole feed, before something has changed: which input, and what.
    pub(crate) fn relation(&self, stamp: Stamp) -> Option<Result<(), (usize, Change)>> {
        let (own, other) = (self.feed, stamp.feed);
        let input = self.places.iter().position(|&place| place == stamp.place);
        let same_records = own.content == other.content && own.arguments == other.arguments;
        match (same_records, input) {
            (true, _) if own.partitions == other.partitions => Some(Ok(())),
            (true, input) => Some(Err((input.unwrap_or(0), Change::Partitions(other.partitions)))),
            (false, None) => None,
            (false, Some(input)) if own.content != other.content => Some(Err((input, Change::Files))),
            (false, Some(input)) => Some(Err((input, Change::Arguments))),
        }
    }
}

/// What [`FEED_HEADER`] says: a place and a feed.
fn parse(text: &[u8]) -> Option<(u32, FeedId)> {
    let mut parts = std::str::from_utf8(text).ok()?.split('-');
    let mut next = || parts.next();
    let place = u32::from_str_radix(next()?, 16).ok()?;
    let feed = FeedId {
        content: u64::from_str_radix(next()?, 16).ok()?,
        arguments: u32::from_str_radix(next()?, 16).ok()?,
        partitions: next()?.parse().ok()?,
    };
    parts.next().is_none().then_some((place, feed))
}

impl Stamp {
    /// What headers say; nothing if they are another producer's.
    pub(crate) fn of(headers: &BorrowedHeaders) -> Option<Self> {
        let value = |key| headers.iter().find(|header| header.key == key).and_then(|header| header.value);
        let (place, feed) = parse(value(FEED_HEADER)?)?;
        Some(Self { place, feed, row: std::str::from_utf8(value(ROW_HEADER)?).ok()?.parse().ok()? })
    }
}

/// A hash of all inputs' bytes and of where each ends.
///
/// # Errors
/// The name of the input that cannot be read, and why.
pub(crate) fn content(inputs: &[Input]) -> Result<u64, (String, io::Error)> {
    let mut all = Sha256::new();
    for input in inputs {
        let digest = match input {
            Input::File(path) => std::fs::File::open(path).and_then(digest),
            Input::Bytes { bytes, .. } => digest(*bytes),
            Input::Stdin => Err(io::ErrorKind::Unsupported.into()),
        };
        all.update(digest.map_err(|problem| (input.name(), problem))?);
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
    use proptest::prelude::*;
    use std::time::Duration;

    fn id(args: &FeedArgs, partitions: u32) -> Identity {
        let feed = Feed::try_from(args.clone()).expect("a feed");
        Identity::new(&feed, content(feed.inputs()).expect("readable"), partitions)
    }

    /// The stamp of the first row of a feed's inputs.
    fn stamps(id: &Identity) -> impl Iterator<Item = Stamp> {
        id.places.iter().map(|&place| Stamp { place, feed: id.feed, row: 1 })
    }

    #[test]
    fn what_shapes_or_orders_records_is_part_of_the_identity_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        for (name, text) in [("a.csv", "Symbol,Date\nA,2026-01-01\n"), ("b.csv", "Symbol,Date\nB,2026-01-01\n")] {
            std::fs::write(path(name), text).expect("written");
        }
        std::fs::copy(path("a.csv"), path("copy.csv")).expect("copied");
        let args = FeedArgs { files: vec![path("a.csv")], ..FeedArgs::default() };
        let begun = stamps(&id(&args, 3)).next().expect("an input");
        let relation = |args: FeedArgs| id(&args, 3).relation(begun);
        let (own, changed) = (Some(Ok(())), |change| Some(Err((0, change))));

        assert_eq!(relation(args.clone()), own);
        assert_eq!(relation(FeedArgs { files: vec![path("copy.csv")], ..args.clone() }), own, "a name is no identity");
        let dotted = FeedArgs { files: vec![folder.path().join(".").join("a.csv")], ..args.clone() };
        assert_eq!(id(&dotted, 3), id(&args, 3), "spelled otherwise");
        let resumed = FeedArgs { resume: Some(Duration::from_secs(9)), rate: Some(7.0), ..args.clone() };
        assert_eq!(relation(FeedArgs { rejects: Some(folder.path().into()), ..resumed }), own, "pace and rejects");
        assert_eq!(id(&args, 4).relation(begun), changed(Change::Partitions(3)));
        assert_eq!(relation(FeedArgs { files: vec![path("b.csv")], ..args.clone() }), None, "another file");

        let sample = FeedArgs { order: OrderArg::Sample, seed: Some(1), ..args.clone() };
        for other in [
            FeedArgs { order: OrderArg::Date, ..args.clone() },
            sample.clone(),
            FeedArgs { repeat: Repeat::Times(2), ..args.clone() },
            FeedArgs { delimiter: Some(";".into()), ..args.clone() },
            FeedArgs { symbol: Some("A".into()), ..args.clone() },
            FeedArgs { date_format: Some("%d/%m/%Y".into()), ..args.clone() },
            FeedArgs { numeric: vec!["Dividend".into()], ..args.clone() },
        ] {
            assert_eq!(relation(other.clone()), changed(Change::Arguments), "{other:?}");
        }
        assert_ne!(id(&sample, 3), id(&FeedArgs { seed: Some(2), ..sample }, 3));

        // Same length and, where clocks are coarse, same time of modification.
        std::fs::write(path("a.csv"), "Symbol,Date\nA,2026-01-02\n").expect("written");
        assert_eq!(relation(args), changed(Change::Files));
    }

    #[test]
    fn a_file_that_was_fed_alone_or_with_others_is_known_by_its_place() {
        let bytes = |name, bytes| Input::Bytes { name, bytes };
        let (a, b, c) = (bytes("a", b"1"), bytes("b", b"2"), bytes("c", b"3"));
        let of = |inputs: &[&Input]| {
            let inputs: Vec<Input> = inputs.iter().map(|&input| input.clone()).collect();
            let feed = Feed::new(FeedArgs::default(), inputs).expect("a feed");
            Identity::new(&feed, content(feed.inputs()).expect("memory"), 3)
        };
        let relations = |now: &[&Input], then: &[&Input]| -> Vec<_> {
            let now = of(now);
            stamps(&of(then)).map(|stamp| now.relation(stamp)).collect()
        };
        let changed = |input| Some(Err((input, Change::Files)));
        assert_eq!(relations(&[&a, &b, &c], &[&a, &b]), [changed(0), changed(1)], "another file has come");
        assert_eq!(relations(&[&a, &b], &[&b]), [changed(1)]);
        assert_eq!(relations(&[&b], &[&a, &b]), [None, changed(0)]);
        assert_eq!(relations(&[&c], &[&a, &b]), [None, None]);
        assert_eq!(relations(&[&b, &a], &[&a, &b]), [changed(1), changed(0)], "in another order");
    }

    #[test]
    fn where_a_file_ends_matters() {
        let bytes = |bytes| Input::Bytes { name: "sample", bytes };
        let of = |inputs: &[Input]| content(inputs).expect("memory");
        assert_ne!(of(&[bytes(b"ab"), bytes(b"c")]), of(&[bytes(b"a"), bytes(b"bc")]));
        assert_ne!(of(&[bytes(b"ab")]), of(&[bytes(b"ab"), bytes(b"")]));
    }

    #[test]
    fn a_header_reads_as_it_was_written() {
        let feed = FeedId { content: 0x0123_4567_89ab_cdef, arguments: 0xffff_0000, partitions: 12 };
        let headers = Identity { feed, places: vec![0xab, 0xcd] }.headers();
        assert_eq!(headers[0], "000000ab-0123456789abcdef-ffff0000-12");
        assert_eq!(parse(headers[1].as_bytes()), Some((0xcd, feed)));
        for other in ["", "ab", "1-2-3", "1-2-3-4-5", "1-2-3-x", "g-2-3-4", "100000000-2-3-4"] {
            assert_eq!(parse(other.as_bytes()), None, "{other}");
        }
        assert_eq!(parse(b"\xff"), None);
    }

    proptest! {
        #[test]
        fn any_identity_reads_as_it_was_written(
            place in any::<u32>(), content in any::<u64>(), arguments in any::<u32>(), partitions in any::<u32>()
        ) {
            let feed = FeedId { content, arguments, partitions };
            let headers = Identity { feed, places: vec![place] }.headers();
            prop_assert_eq!(parse(headers[0].as_bytes()), Some((place, feed)));
        }

        #[test]
        fn no_header_of_another_panics(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = parse(&bytes);
        }
    }
}
