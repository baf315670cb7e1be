//! Inputs of a feed: files, standard input, and bytes in memory; plain or gzipped.

use std::fs::{File, Metadata};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use flate2::bufread::MultiGzDecoder;
use tokio_util::sync::CancellationToken;

use crate::report::progress::Progress;

/// One input of a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Standard input, which can be read only once.
    Stdin,
    /// A regular file, a named pipe or a device.
    File(PathBuf),
    /// Bytes in memory.
    Bytes {
        /// Name for messages.
        name: &'static str,
        /// The CSV text, gzipped or not.
        bytes: &'static [u8],
    },
}

const BUFFER_BYTES: usize = 1 << 17;

impl Input {
    /// Returns the input's name for messages.
    #[must_use]
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Stdin => "standard input".to_owned(),
            Self::File(path) => path.display().to_string(),
            Self::Bytes { name, .. } => (*name).to_owned(),
        }
    }

    /// Returns `true` if the input has the same rows each time it is opened: a file does, a pipe does not.
    #[must_use]
    pub(crate) fn is_repeatable(&self) -> bool {
        match self {
            Self::Stdin => false,
            Self::File(path) => path.metadata().is_ok_and(|metadata| metadata.is_file()),
            Self::Bytes { .. } => true,
        }
    }

    /// Returns the size in bytes, which for a gzipped input is the compressed size; `None` if the size is unknown.
    #[must_use]
    pub(crate) fn size(&self) -> Option<u64> {
        match self {
            Self::Stdin => None,
            Self::File(path) => path.metadata().ok().filter(Metadata::is_file).map(|metadata| metadata.len()),
            Self::Bytes { bytes, .. } => Some(bytes.len() as u64),
        }
    }

    /// Opens the input and, if it is gzipped, decompresses it. `progress` counts the bytes that are read. After
    /// `shutdown`, reading from a pipe that has no data fails with [`io::ErrorKind::TimedOut`].
    ///
    /// # Errors
    /// If the input cannot be opened, or its first bytes cannot be read.
    pub(crate) fn open(
        &self,
        progress: &Arc<Progress>,
        shutdown: &CancellationToken,
    ) -> io::Result<Box<dyn BufRead + Send>> {
        let raw: Box<dyn Read + Send> = match self {
            Self::Stdin => Box::new(Pipe::new(io::stdin(), shutdown.clone())),
            Self::File(path) if self.is_repeatable() => Box::new(File::open(path)?),
            Self::File(path) => Box::new(Pipe::new(File::open(path)?, shutdown.clone())),
            Self::Bytes { bytes, .. } => Box::new(*bytes),
        };
        let mut buffered =
            BufReader::with_capacity(BUFFER_BYTES, CountingReader { raw, progress: Arc::clone(progress) });
        // Detected by content, not by name, so that a pipe can be gzipped too.
        if buffered.fill_buf()?.starts_with(b"\x1f\x8b") {
            let plain = Gunzip(MultiGzDecoder::new(buffered));
            return Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, plain)));
        }
        Ok(Box::new(buffered))
    }

    /// Returns the path of the input's rejects file: `<input>.rejects.csv`, in `folder` if one is given, otherwise
    /// beside the input.
    #[must_use]
    pub(crate) fn rejects_path(&self, folder: Option<&Path>) -> PathBuf {
        let mut beside = match self {
            Self::Stdin => PathBuf::from("stdin").into_os_string(),
            Self::File(path) => path.clone().into_os_string(),
            Self::Bytes { name, .. } => PathBuf::from(name).into_os_string(),
        };
        beside.push(".rejects.csv");
        let beside = PathBuf::from(beside);
        match (folder, beside.file_name()) {
            (Some(folder), Some(name)) => folder.join(name),
            _ => beside,
        }
    }
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

/// A decompressor whose errors name the gzip stream as the cause.
struct Gunzip<R>(MultiGzDecoder<R>);

impl<R: BufRead> Read for Gunzip<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into).map_err(|error| {
            let message = match error.kind() {
                io::ErrorKind::UnexpectedEof => "the gzip stream is truncated".to_owned(),
                io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
                    format!("the gzip stream is damaged ({error})")
                }
                _ => return error,
            };
            io::Error::new(error.kind(), message)
        })
    }
}

/// A stream that may be silent for hours. A separate thread reads the stream, so that a shutdown does not wait for
/// data.
struct Pipe {
    chunks: Receiver<io::Result<Vec<u8>>>,
    chunk: Vec<u8>,
    used: usize,
    shutdown: CancellationToken,
}

impl Pipe {
    fn new(mut source: impl Read + Send + 'static, shutdown: CancellationToken) -> Self {
        let (send, chunks) = sync_channel(4);
        std::thread::spawn(move || {
            loop {
                let mut chunk = vec![0; BUFFER_BYTES];
                let read = source.read(&mut chunk).map(|length| {
                    chunk.truncate(length);
                    chunk
                });
                let interrupted = matches!(&read, Err(error) if error.kind() == io::ErrorKind::Interrupted);
                let ended = matches!(&read, Ok(chunk) if chunk.is_empty());
                if !interrupted && (send.send(read).is_err() || ended) {
                    return;
                }
            }
        });
        Self { chunks, chunk: Vec::new(), used: 0, shutdown }
    }
}

impl Read for Pipe {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.used == self.chunk.len() {
            match self.chunks.recv_timeout(Duration::from_millis(100)) {
                Ok(chunk) => {
                    self.chunk = chunk?;
                    self.used = 0;
                    if self.chunk.is_empty() {
                        return Ok(0);
                    }
                }
                // This is an error rather than the end of the input, because the current row may be incomplete.
                Err(RecvTimeoutError::Timeout) if self.shutdown.is_cancelled() => {
                    return Err(io::Error::new(io::ErrorKind::TimedOut, "shut down while waiting for input"));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(0),
            }
        }
        let length = into.len().min(self.chunk.len() - self.used);
        into[..length].copy_from_slice(&self.chunk[self.used..self.used + length]);
        self.used += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn read(input: &Input) -> io::Result<String> {
        let mut text = String::new();
        input.open(&Arc::default(), &CancellationToken::new())?.read_to_string(&mut text)?;
        Ok(text)
    }

    fn gzipped(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).expect("memory");
        encoder.finish().expect("memory")
    }

    #[test]
    fn gzipped_input_is_decompressed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("quotes.csv.gz");
        // Two members, as `cat a.gz b.gz` writes them.
        std::fs::write(&path, [gzipped("a,b\n"), gzipped("1,2\n")].concat()).expect("written");
        assert_eq!(read(&Input::File(path)).expect("readable"), "a,b\n1,2\n");
    }

    #[test]
    fn a_truncated_gzip_stream_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("quotes.csv.gz");
        let whole = gzipped(&"a,b\n".repeat(1000));
        std::fs::write(&path, &whole[..whole.len() / 2]).expect("written");
        assert_eq!(read(&Input::File(path)).expect_err("cut").kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn bytes_are_read_and_counted() {
        let progress = Arc::new(Progress::default());
        let input = Input::Bytes { name: "sample", bytes: b"a,b\n" };
        let mut text = String::new();
        let mut opened = input.open(&progress, &CancellationToken::new()).expect("memory");
        opened.read_to_string(&mut text).expect("memory");
        assert_eq!((text.as_str(), progress.snapshot().input_bytes), ("a,b\n", 4));
    }

    #[test]
    fn a_silent_pipe_ends_on_shutdown() {
        let (silent, _writer) = io::pipe().expect("a pipe");
        let shutdown = CancellationToken::new();
        let mut pipe = Pipe::new(silent, shutdown.clone());
        shutdown.cancel();
        assert_eq!(pipe.read(&mut [0; 8]).expect_err("shut down").kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn rejects_are_beside_the_input_or_in_the_given_folder() {
        let input = Input::File("in/a.csv".into());
        assert_eq!(input.rejects_path(None), Path::new("in/a.csv.rejects.csv"));
        assert_eq!(input.rejects_path(Some(Path::new("out"))), Path::new("out/a.csv.rejects.csv"));
        assert_eq!(Input::Stdin.rejects_path(None), Path::new("stdin.rejects.csv"));
    }
}
