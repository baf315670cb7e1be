//! Reads a file that grows, as `tail -F` does.
//!
//! A line is returned only once it is complete, so a row that is still being written is never read in part. At the end
//! of the file, [`Follow`] checks every [`POLL`] whether the file has grown, become shorter, or been replaced by
//! another file of the same name. In the last two cases the stream ends, and the caller must open the file again. If a
//! file becomes shorter and grows past its old length between two checks, this is not noticed; `tail` has the same
//! limitation.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use terminal::numbers::counted;
use tokio_util::sync::CancellationToken;

use crate::csv::row_reader::MAX_ROW_BYTES;
use crate::report::progress::Progress;

/// Number of bytes to read at a time.
const CHUNK_BYTES: usize = 1 << 16;
/// Number of bytes from which the format of a file is recognised.
const START_BYTES: u64 = 4;
/// Interval between checks of the file.
const POLL: Duration = Duration::from_millis(50);

/// Reader of a file that grows.
pub(super) struct Follow {
    path: PathBuf,
    file: File,
    identity: (u64, u64),
    /// Number of bytes read from the file.
    position: u64,
    /// Bytes read from the file. The first `used` of them have been returned and are removed when more are read.
    buffer: Vec<u8>,
    /// Number of bytes of the buffer that have been returned.
    used: usize,
    /// End of the last complete line in the buffer.
    whole: usize,
    progress: Arc<Progress>,
    shutdown: CancellationToken,
    /// Whether lines have been returned since the end of the file was reported.
    is_fresh: bool,
    /// While set, reading at the end of the file fails with [`io::ErrorKind::WouldBlock`]: immediately after lines were
    /// returned, so that the caller can send these lines, and otherwise after each wait.
    pub(super) reports_silence: Arc<AtomicBool>,
}

/// Result of checking the file.
#[derive(PartialEq)]
enum Look {
    More,
    Nothing,
    /// The file must be read again from its start, for this reason.
    Restart(&'static str),
}

impl Follow {
    /// Opens a file, waiting until it exists.
    pub(super) fn open(path: PathBuf, progress: &Arc<Progress>, shutdown: &CancellationToken) -> io::Result<Self> {
        let mut file = loop {
            match File::open(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => wait(shutdown)?,
                opened => break opened?,
            }
        };
        let mut buffer = Vec::new();
        (&mut file).take(START_BYTES).read_to_end(&mut buffer)?;
        let mut follow = Follow {
            identity: identity(&file.metadata()?),
            position: buffer.len() as u64,
            path,
            file,
            buffer,
            used: 0,
            whole: 0,
            progress: Arc::clone(progress),
            shutdown: shutdown.clone(),
            is_fresh: false,
            reports_silence: Arc::default(),
        };
        follow.find_whole_lines(0);
        Ok(follow)
    }

    /// Returns the first [`START_BYTES`] of the file, or fewer if it is shorter. They show whether the file is plain
    /// text, even before its first line is complete.
    pub(super) fn start(&self) -> &[u8] {
        &self.buffer
    }

    /// Reads bytes that were written since the last check. If nothing was written, checks whether the file has been
    /// replaced or has become shorter.
    fn look(&mut self) -> io::Result<Look> {
        if self.fill()? {
            return Ok(Look::More);
        }
        let now = match self.path.metadata() {
            Ok(now) => now,
            // Another file may get the name later.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Look::Nothing),
            Err(error) => return Err(error),
        };
        if identity(&now) != self.identity {
            // The last lines of the old file may have been written after it was read.
            return Ok(if self.fill()? { Look::More } else { Look::Restart("was replaced by another file") });
        }
        Ok(if now.len() < self.position { Look::Restart("has become shorter") } else { Look::Nothing })
    }

    /// Reads a chunk. Returns `false` at the end of the file.
    fn fill(&mut self) -> io::Result<bool> {
        self.buffer.drain(..self.used);
        self.whole -= self.used;
        self.used = 0;
        let before = self.buffer.len();
        self.buffer.resize(before + CHUNK_BYTES, 0);
        let read = self.file.read(&mut self.buffer[before..]);
        self.buffer.truncate(before + *read.as_ref().unwrap_or(&0));
        let read = read?;
        self.position += read as u64;
        self.find_whole_lines(before);
        Ok(read > 0)
    }

    /// Sets `whole` to the end of the last complete line, searching the buffer from `from`. An unfinished line longer
    /// than [`MAX_ROW_BYTES`] counts as complete.
    fn find_whole_lines(&mut self, from: usize) {
        if let Some(at) = memchr::memrchr(b'\n', &self.buffer[from..]) {
            self.whole = from + at + 1;
        } else if self.buffer.len() - self.whole > MAX_ROW_BYTES {
            // The reader rejects a line of this length, so the rest of it need not be kept in memory.
            self.whole = self.buffer.len();
        }
    }

    fn announce_restart(&self, reason: &str) {
        let rest = match self.buffer.len() - self.used {
            0 => String::new(),
            bytes => format!(
                "; its last line ({}) has no line ending and is not sent",
                counted(bytes as u64, "byte", "bytes")
            ),
        };
        self.progress.notice(format!("{} {reason}: reading it from its start{rest}", self.path.display()));
    }
}

impl Read for Follow {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut is_due = self.is_fresh;
        while self.used == self.whole {
            match self.look() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(Look::More) => {}
                Ok(Look::Restart(reason)) => {
                    self.announce_restart(reason);
                    return Ok(0);
                }
                Ok(Look::Nothing) if is_due && self.reports_silence.load(Ordering::Relaxed) => {
                    self.is_fresh = false;
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                Ok(Look::Nothing) => {
                    wait(&self.shutdown)?;
                    is_due = true;
                }
            }
        }
        let length = into.len().min(self.whole - self.used);
        into[..length].copy_from_slice(&self.buffer[self.used..self.used + length]);
        self.used += length;
        self.is_fresh = true;
        Ok(length)
    }
}

/// Waits until the next check. A shutdown is an error rather than the end of the file, as for a pipe.
fn wait(shutdown: &CancellationToken) -> io::Result<()> {
    if shutdown.is_cancelled() {
        return Err(io::Error::new(io::ErrorKind::TimedOut, "shut down while waiting for the file to grow"));
    }
    std::thread::sleep(POLL);
    Ok(())
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::OpenOptions;
    use std::io::Write;

    struct Test {
        folder: tempfile::TempDir,
        progress: Arc<Progress>,
        shutdown: CancellationToken,
    }

    impl Test {
        fn new(text: &str) -> (Self, Follow) {
            let folder = tempfile::tempdir().expect("a folder");
            let test = Test { folder, progress: Arc::default(), shutdown: CancellationToken::new() };
            test.append(text);
            let follow = Follow::open(test.path(), &test.progress, &test.shutdown);
            let follow = follow.expect("opened");
            follow.reports_silence.store(true, Ordering::Relaxed);
            (test, follow)
        }

        fn path(&self) -> PathBuf {
            self.folder.path().join("a.csv")
        }

        fn append(&self, text: &str) {
            let file = OpenOptions::new().append(true).create(true).open(self.path());
            file.expect("opened").write_all(text.as_bytes()).expect("written");
        }
    }

    /// Reads until the file is silent; `None` if it must be opened again.
    fn read(follow: &mut Follow) -> Option<String> {
        let (mut all, mut chunk) = (Vec::new(), [0; 7]);
        loop {
            match follow.read(&mut chunk) {
                Ok(0) => return None,
                Ok(read) => all.extend_from_slice(&chunk[..read]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Some(String::from_utf8(all).expect("UTF-8"));
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    #[test]
    fn lines_are_read_once_they_have_ended() {
        let (test, mut follow) = Test::new("head\none");
        assert_eq!(read(&mut follow).as_deref(), Some("head\n"));
        test.append(" more");
        assert_eq!(read(&mut follow).as_deref(), Some(""));
        test.append("\ntwo\nthree");
        assert_eq!(read(&mut follow).as_deref(), Some("one more\ntwo\n"));
    }

    #[test]
    fn a_shorter_file_is_read_again() {
        let (test, mut follow) = Test::new("head\none\ntwo");
        assert_eq!(read(&mut follow).as_deref(), Some("head\none\n"));
        std::fs::write(test.path(), "new\n").expect("written");
        assert_eq!(read(&mut follow), None);
        let notice = test.progress.take_notices().join("");
        assert!(
            notice.contains("a.csv has become shorter: reading it from its start; its last line (3 bytes) has"),
            "{notice}"
        );
    }

    #[test]
    fn a_replaced_file_is_read_to_its_end_first() {
        let (test, mut follow) = Test::new("head\none\n");
        assert_eq!(read(&mut follow).as_deref(), Some("head\none\n"));
        test.append("two\n");
        std::fs::rename(test.path(), test.folder.path().join("a.csv.1")).expect("renamed");
        assert_eq!(read(&mut follow).as_deref(), Some("two\n"));
        assert_eq!(read(&mut follow).as_deref(), Some(""), "no file has the name");
        test.append("new\n");
        assert_eq!(read(&mut follow), None);
        assert!(
            test.progress.take_notices().join("").ends_with("was replaced by another file: reading it from its start")
        );
    }

    #[test]
    fn a_line_without_end_is_limited() {
        let (test, mut follow) = Test::new(&"x".repeat(MAX_ROW_BYTES + 1));
        assert!(read(&mut follow).is_some_and(|text| text.len() > MAX_ROW_BYTES));
        assert!(follow.buffer.len() <= MAX_ROW_BYTES + CHUNK_BYTES);
        drop(test);
    }

    #[test]
    fn a_shutdown_ends_the_wait() {
        let (test, mut follow) = Test::new("");
        follow.reports_silence.store(false, Ordering::Relaxed);
        test.shutdown.cancel();
        assert_eq!(follow.read(&mut [0; 8]).expect_err("shut down").kind(), io::ErrorKind::TimedOut);
    }
}
