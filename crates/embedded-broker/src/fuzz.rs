//! Sends random requests to a broker over sockets: valid, damaged and truncated requests, and random bytes.
//!
//! The broker must not panic, must not reserve memory for what was not sent, must log why it closes a connection, and
//! must answer the next client. `TICKERLAKE_FUZZ_SECONDS` sets the duration, 2 s by default, and `TICKERLAKE_FUZZ_SEED`
//! the seed.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::wire::generate;
use crate::wire::offered::OFFERED;
use crate::{Broker, Options};

/// Time without a response after which the broker is assumed to delay it, for example until records arrive.
const QUIET: Duration = Duration::from_millis(10);

/// Maximum peak memory of the process in bytes; the test fails above it. The largest request has a few kilobytes, and
/// the topics have few records.
const MAX_MEMORY: u64 = 512 << 20;

/// A generator of random numbers (`SplitMix64`).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).unwrap()
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..self.below(most + 1)).map(|_| self.next().to_le_bytes()[0]).collect()
    }

    /// Returns a request with its size prefix.
    fn request(&mut self) -> Vec<u8> {
        let offer = &OFFERED[self.below(OFFERED.len())];
        let version =
            offer.min + i16::try_from(self.below(usize::try_from(offer.max - offer.min + 1).unwrap())).unwrap();
        // Small choices make short names, which exist, and the number 0.
        let largest = [1, 3, 255][self.below(3)];
        let choices: Vec<_> = self.bytes(60).into_iter().map(|choice| choice % largest).collect();
        let mut request = [(offer.api as i16).to_be_bytes(), version.to_be_bytes()].concat();
        request.extend([0, 0, 0, 1, 0, 1, b'c']);
        if offer.api.request_header_version(version) >= 2 {
            request.push(0);
        }
        request.extend(generate(offer.api, version, &choices));
        match self.below(20) {
            0 => {
                let at = self.below(request.len());
                request[at] = self.next().to_le_bytes()[0];
            }
            1 => request.truncate(self.below(request.len())),
            2 => request.extend(self.bytes(20)),
            3 => {
                // A length or a count that the request cannot contain.
                let at = self.below(request.len());
                request.splice(at.., [0x7f, 0xff, 0xff, 0xff, 0x0f]);
            }
            4 => request = self.bytes(60),
            _ => {}
        }
        let size = match self.below(100) {
            0 => u32::try_from(self.next() >> 32).unwrap(),
            _ => u32::try_from(request.len()).unwrap(),
        };
        [size.to_be_bytes().to_vec(), request].concat()
    }
}

/// The log messages of the broker.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

static PANICS: AtomicU64 = AtomicU64::new(0);

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable)
        .ok()
        .map(|text| text.parse().unwrap_or_else(|_| panic!("{variable}={text} is not a whole number")))
}

/// Returns the peak memory of this process in bytes.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// Sends up to eight random requests, and stops at the first that the broker does not answer within [`QUIET`]. Returns
/// `true` if the broker closed the connection.
async fn send(stream: &mut TcpStream, random: &mut Random) -> bool {
    let mut answer = [0; 4096];
    for _ in 0..=random.below(8) {
        // The broker may close the connection while a request is sent.
        if stream.write_all(&random.request()).await.is_err() {
            return true;
        }
        match tokio::time::timeout(QUIET, stream.read(&mut answer)).await {
            Ok(Ok(0) | Err(_)) => return true,
            Ok(Ok(_)) => {}
            Err(_) => return false,
        }
    }
    false
}

#[test]
fn random_requests_do_not_stop_the_broker() {
    let seconds = number("TICKERLAKE_FUZZ_SECONDS").unwrap_or(2);
    let seed = number("TICKERLAKE_FUZZ_SEED").unwrap_or(1);
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    std::panic::set_hook(Box::new(|panic| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        eprintln!("{panic}");
    }));
    // The log of a thread, and so of a runtime of one thread.
    let (connections, closed) = tracing::subscriber::with_default(subscriber, || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(fuzz(Duration::from_secs(seconds), seed, &log))
    });
    println!("seed {seed}: {connections} connections, of which the broker closed {closed}, in {seconds} s");
    let _ = std::panic::take_hook();
    assert_eq!(PANICS.load(Ordering::Relaxed), 0);
    assert!(closed > 0 && connections > closed);
    #[cfg(target_os = "linux")]
    assert!(peak_memory() < MAX_MEMORY, "{} bytes", peak_memory());
}

async fn fuzz(duration: Duration, seed: u64, log: &Log) -> (u64, u64) {
    let mut random = Random(seed);
    let broker = Broker::start(Options { port: 0, auto_create: Some(1), ..Options::default() }).await.unwrap();
    let address = broker.bootstrap_servers();
    let (mut connections, mut closed) = (0, 0);
    let end = Instant::now() + duration;
    while Instant::now() < end {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let peer = stream.local_addr().unwrap();
        connections += 1;
        if send(&mut stream, &mut random).await {
            closed += 1;
            let lines = log.take();
            let is_logged = |line: &str| line.contains(&format!("peer={peer}")) && line.contains("closed");
            assert!(lines.lines().any(is_logged), "the broker closed {peer} without a reason: {lines}");
        }
        if connections % 100 == 0 {
            let mut stream = TcpStream::connect(&address).await.unwrap();
            let versions = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0, 0];
            stream.write_all(&versions).await.unwrap();
            let mut answer = [0; 10];
            stream.read_exact(&mut answer).await.unwrap();
            assert_eq!(answer[4..], [0, 0, 0, 7, 0, 0], "the broker does not answer any more");
        }
    }
    broker.stop().await.unwrap();
    (connections, closed)
}
