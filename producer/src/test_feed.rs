//! A feed of files in a temporary folder, printed to memory, for the tests of other modules.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::cli::args::FeedArgs;
use crate::delivery::output::Target;
use crate::error::RunError;
use crate::feed::Feed;
use crate::report::progress::Progress;
use crate::report::summary::Summary;
use crate::run::run;

pub(crate) const A: (&str, &str) = ("a.csv", "Symbol,Date\nA,2026-01-01\nA,2026-01-03\n");
pub(crate) const B: (&str, &str) = ("b.csv", "Date,Ticker\n2026-01-01,B\n2026-01-02,B\n");

#[derive(Clone, Default)]
struct SharedBuffer(Arc<Mutex<Vec<u8>>>);

impl Write for SharedBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("not poisoned").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A feed of files in a temporary folder.
pub(crate) struct TestFeed {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) args: FeedArgs,
    pub(crate) progress: Arc<Progress>,
    pub(crate) shutdown: CancellationToken,
}

impl TestFeed {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut args = FeedArgs::default();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("written");
            args.files.push(path);
        }
        Self { folder, args, progress: Arc::default(), shutdown: CancellationToken::new() }
    }

    pub(crate) fn run(&self) -> Result<(Summary, Vec<String>), RunError> {
        let feed = Feed::try_from(self.args.clone()).expect("a feed");
        let lines = SharedBuffer::default();
        let summary = run(&feed, &Target::lines(lines.clone()), &self.progress, self.shutdown.clone())?;
        let text = String::from_utf8(lines.0.lock().expect("not poisoned").clone()).expect("UTF-8");
        Ok((summary, text.lines().map(str::to_owned).collect()))
    }

    /// Returns the printed records, each as `symbol date`.
    pub(crate) fn quotes(&self) -> Vec<String> {
        let (_, lines) = self.run().expect("a run");
        let name = |line: &String| {
            let value: Value = serde_json::from_str(line).expect("JSON");
            format!("{} {}", value["symbol"], value["trade_date"]).replace('"', "")
        };
        lines.iter().map(name).collect()
    }

    pub(crate) fn rejects(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.folder.path().join(name)).ok()
    }
}
