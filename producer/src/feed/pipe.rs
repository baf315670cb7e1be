//! Reads a stream that may be silent for hours.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

/// Number of bytes to read at a time.
const CHUNK_BYTES: usize = 1 << 17;
/// Interval at which a silent pipe checks for a shutdown.
const POLL: Duration = Duration::from_millis(100);
/// Duration of silence after which a plan is created from the lines that have arrived.
const SILENCE: Duration = Duration::from_secs(1);

/// Reader of a pipe. A separate thread reads the pipe, so that a shutdown does not have to wait for input.
pub(super) struct Pipe {
    chunks: Receiver<io::Result<Vec<u8>>>,
    chunk: Vec<u8>,
    used: usize,
    shutdown: CancellationToken,
    /// While set, reading fails with [`io::ErrorKind::WouldBlock`] after a silence of [`SILENCE`].
    pub(super) reports_silence: Arc<AtomicBool>,
}

impl Pipe {
    pub(super) fn new(mut source: impl Read + Send + 'static, shutdown: CancellationToken) -> Self {
        let (send, chunks) = sync_channel(4);
        std::thread::spawn(move || {
            loop {
                let mut chunk = vec![0; CHUNK_BYTES];
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
        Self { chunks, chunk: Vec::new(), used: 0, shutdown, reports_silence: Arc::default() }
    }
}

impl Read for Pipe {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let since = Instant::now();
        while self.used == self.chunk.len() {
            match self.chunks.recv_timeout(POLL) {
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
                Err(RecvTimeoutError::Timeout)
                    if self.reports_silence.load(Ordering::Relaxed) && since.elapsed() >= SILENCE =>
                {
                    return Err(io::ErrorKind::WouldBlock.into());
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

    #[test]
    fn a_silent_pipe_ends_on_shutdown() {
        let (silent, _writer) = io::pipe().expect("a pipe");
        let shutdown = CancellationToken::new();
        let mut pipe = Pipe::new(silent, shutdown.clone());
        shutdown.cancel();
        assert_eq!(pipe.read(&mut [0; 8]).expect_err("shut down").kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn silence_is_reported_while_a_plan_is_made() {
        let (silent, _writer) = io::pipe().expect("a pipe");
        let mut pipe = Pipe::new(silent, CancellationToken::new());
        pipe.reports_silence.store(true, Ordering::Relaxed);
        assert_eq!(pipe.read(&mut [0; 8]).expect_err("silent").kind(), io::ErrorKind::WouldBlock);
    }
}
