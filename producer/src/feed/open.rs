//! Opens an input: decompresses and decodes it, and takes the sample from which its plan is created.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use encoding_rs::Encoding;
use encoding_rs_io::DecodeReaderBytesBuilder;
use tokio_util::sync::CancellationToken;

use super::archive::{FormatError, Gunzip, Magic, check_text, open_zip};
use super::encoding::{self, Decoding};
use super::follow::Follow;
use super::input::Input;
use super::pipe::Pipe;
use crate::plan::sample::Sample;
use crate::report::progress::Progress;

const BUFFER_BYTES: usize = 1 << 17;
/// Number of bytes to sample at the beginning of an input.
const HEAD_BYTES: usize = 1 << 18;
/// Number of bytes to sample in the middle and at the end of a file.
const WINDOW_BYTES: u64 = 1 << 14;
/// Number of lines of a pipe that suffice for a plan: a header and 100 rows.
const PIPE_LINES: usize = 101;

/// Reason that an input cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Reading failed.
    #[error("failed to read: {0}")]
    Io(#[from] io::Error),
    /// The input is not CSV, or is packed in an unsupported way.
    #[error(transparent)]
    Format(#[from] FormatError),
}

/// Whether to take a sample of an input for its plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sampling {
    /// Sample the beginning and, for an uncompressed UTF-8 file, also the middle and the end.
    Full,
    /// Take no sample, because the plan is already known.
    None,
}

/// An opened input.
pub(crate) struct Opened {
    /// The whole text, decoded to UTF-8.
    pub(crate) text: Box<dyn BufRead + Send>,
    pub(crate) sample: Sample,
}

/// Opens an input. `given` is its encoding if the user has named it or an earlier plan contains it. `progress` counts
/// the bytes that are read.
///
/// # Errors
/// [`OpenError`] if the input cannot be read or is not CSV.
pub(crate) fn open(
    input: &Input,
    given: Option<&'static Encoding>,
    progress: &Arc<Progress>,
    shutdown: &CancellationToken,
    sampling: Sampling,
) -> Result<Opened, OpenError> {
    let counted = |raw: Box<dyn Read + Send>| CountingReader { raw, progress: Arc::clone(progress) };
    let pipe = |pipe: Pipe| {
        let silence = Arc::clone(&pipe.reports_silence);
        (Box::new(pipe) as Box<dyn Read + Send>, Some(silence))
    };
    let (raw, silence): (Box<dyn Read + Send>, _) = match input {
        Input::Stdin => pipe(Pipe::new(io::stdin(), shutdown.clone())),
        Input::File(path) if input.is_repeatable() => (Box::new(File::open(path)?), None),
        Input::File(path) => pipe(Pipe::new(File::open(path)?, shutdown.clone())),
        Input::Followed(path) => {
            let follow = Follow::open(path.clone(), progress, shutdown)?;
            if matches!(Magic::of(follow.start()), Magic::Gzip | Magic::Zip) {
                return Err(FormatError::Followed("compressed").into());
            }
            let silence = Arc::clone(&follow.reports_silence);
            (Box::new(follow), Some(silence))
        }
        Input::Bytes { bytes, .. } => (Box::new(*bytes), None),
    };
    let mut raw = BufReader::with_capacity(BUFFER_BYTES, counted(raw));
    let magic = Magic::of(raw.fill_buf()?);
    let mut plain: Box<dyn BufRead + Send> = match (magic, input) {
        (Magic::Text, _) => Box::new(raw),
        (Magic::Gzip | Magic::Zip, Input::Followed(_)) => return Err(FormatError::Followed("compressed").into()),
        (Magic::Gzip, _) => Box::new(BufReader::with_capacity(BUFFER_BYTES, Gunzip::new(raw))),
        (Magic::Zip, Input::File(path)) if input.is_repeatable() => {
            Box::new(BufReader::with_capacity(BUFFER_BYTES, counted(Box::new(open_zip(path)?))))
        }
        (Magic::Zip, _) => return Err(FormatError::ZipPipe.into()),
        (Magic::OldExcel, _) => return Err(FormatError::Excel(input.name()).into()),
        (Magic::Parquet, _) => return Err(FormatError::Parquet(input.name()).into()),
    };
    if sampling == Sampling::None {
        let encoding = given.filter(|encoding| *encoding != encoding_rs::UTF_8);
        return Ok(Opened { text: decoded(plain, encoding), sample: Sample::default() });
    }
    let (head, is_complete) = read_head(&mut plain, silence.as_deref().filter(|_| magic == Magic::Text), input)?;
    check_text(&head)?;
    let decoding = match given {
        Some(encoding) => Some(Decoding { encoding, is_guess: false }).filter(|_| encoding != encoding_rs::UTF_8),
        None => encoding::find(&head),
    };
    if let (Input::Followed(_), Some(silence)) = (input, silence) {
        let encoding = decoding.map_or(encoding_rs::UTF_8, |decoding| decoding.encoding);
        if encoding == encoding_rs::UTF_16LE || encoding == encoding_rs::UTF_16BE {
            return Err(FormatError::Followed("UTF-16").into());
        }
        // From now on, the end of the file is reported, so that the feeder can send rows and notice a shutdown.
        silence.store(true, Ordering::Relaxed);
    }
    let others = match (input, magic, decoding, is_complete) {
        (Input::File(path), Magic::Text, None, false) if input.is_repeatable() => windows(path)?,
        _ => Vec::new(),
    };
    let guessed = decoding.filter(|decoding| decoding.is_guess).map(|decoding| decoding.encoding.name());
    let sampled = decoding.map_or_else(|| head.clone(), |decoding| decode(decoding.encoding, &head).into_bytes());
    let encoding = decoding.map(|decoding| decoding.encoding);
    let sample = Sample { head: sampled, is_complete, others, encoding, guessed_encoding: guessed };
    Ok(Opened { text: decoded(Cursor::new(head).chain(plain), encoding), sample })
}

fn decoded(text: impl BufRead + Send + 'static, encoding: Option<&'static Encoding>) -> Box<dyn BufRead + Send> {
    match encoding {
        None => Box::new(text),
        Some(encoding) => {
            let decoder = DecodeReaderBytesBuilder::new().encoding(Some(encoding)).bom_override(true).build(text);
            Box::new(BufReader::with_capacity(BUFFER_BYTES, decoder))
        }
    }
}

/// Reads the beginning of an input. Returns the bytes and whether they are the whole input. Stops early after
/// [`PIPE_LINES`] lines of a pipe, and once a pipe or a followed file is silent and at least two lines have arrived.
fn read_head(plain: &mut impl Read, silence: Option<&AtomicBool>, input: &Input) -> io::Result<(Vec<u8>, bool)> {
    let is_pipe = !input.is_repeatable() && !matches!(input, Input::Followed(_));
    let mut head = Vec::new();
    let mut chunk = vec![0; 1 << 14];
    loop {
        let lines = memchr::memchr_iter(b'\n', &head).count();
        if head.len() >= HEAD_BYTES || (is_pipe && lines >= PIPE_LINES) {
            break;
        }
        if let Some(silence) = silence {
            silence.store(lines >= 2, Ordering::Relaxed);
        }
        match plain.read(&mut chunk) {
            Ok(0) => return Ok((head, true)),
            Ok(read) => head.extend_from_slice(&chunk[..read]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    if let Some(silence) = silence {
        silence.store(false, Ordering::Relaxed);
    }
    Ok((head, false))
}

fn decode(encoding: &'static Encoding, bytes: &[u8]) -> String {
    encoding.decode(bytes).0.into_owned()
}

/// Returns complete lines from the middle and the end of a file, if these lie beyond the sampled beginning.
fn windows(path: &Path) -> io::Result<Vec<Vec<u8>>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut windows = Vec::new();
    for (from, is_last) in [(length / 2, false), (length.saturating_sub(WINDOW_BYTES), true)] {
        if from < HEAD_BYTES as u64 {
            continue;
        }
        file.seek(SeekFrom::Start(from))?;
        let mut window = Vec::new();
        (&mut file).take(WINDOW_BYTES).read_to_end(&mut window)?;
        let start = memchr::memchr(b'\n', &window).map_or(window.len(), |at| at + 1);
        let end = if is_last { window.len() } else { memchr::memrchr(b'\n', &window).map_or(0, |at| at + 1) };
        windows.push(window.get(start..end).unwrap_or_default().to_vec());
    }
    Ok(windows)
}

struct CountingReader {
    raw: Box<dyn Read + Send>,
    progress: Arc<Progress>,
}

impl Read for CountingReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.raw.read(into)?;
        self.progress.add_input_bytes(read as u64);
        Ok(read)
    }
}
