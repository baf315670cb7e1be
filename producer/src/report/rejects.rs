//! Writes `<input>.rejects.csv`: the rows that are not quotes, with line number and reason.
//!
//! The delimiter is always the comma, so that any CSV reader can read the file. The third column is the row as it was
//! written, with the delimiter of the input.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::encode::reject::Reject;

/// Error while writing a file of rejected rows.
#[derive(Debug, Error)]
#[error("failed to write rejected rows to {}: {source}; choose another folder with --rejects", path.display())]
pub struct RejectsError {
    pub path: PathBuf,
    pub source: io::Error,
}

/// The rejects file of one input. The file is created when the first row is rejected.
pub(crate) struct Rejects {
    path: PathBuf,
    writer: Option<csv::Writer<File>>,
}

impl Rejects {
    /// Checks that a file at `path` can be written, and removes the file of an earlier run.
    ///
    /// # Errors
    /// [`RejectsError`] if the file cannot be written or removed.
    pub(crate) fn prepare(path: PathBuf) -> Result<Self, RejectsError> {
        let opened = OpenOptions::new().append(true).create(true).open(&path);
        match opened.and_then(|_| std::fs::remove_file(&path)) {
            Ok(()) => Ok(Self { path, writer: None }),
            Err(source) => Err(RejectsError { path, source }),
        }
    }

    /// Returns a rejects file without the checks of [`Rejects::prepare`]. An earlier file remains until the first row
    /// is rejected.
    pub(crate) fn unprepared(path: PathBuf) -> Self {
        Self { path, writer: None }
    }

    /// Adds a row. `raw` is the row as it was written.
    ///
    /// # Errors
    /// [`RejectsError`] if the file cannot be written.
    pub(crate) fn add(&mut self, line: u64, reason: &Reject, raw: &[u8]) -> Result<(), RejectsError> {
        self.try_add(line, reason, raw).map_err(|source| self.error(source))
    }

    fn try_add(&mut self, line: u64, reason: &Reject, raw: &[u8]) -> io::Result<()> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            absent => absent.insert(begin(File::create(&self.path)?)?),
        };
        write_reject(writer, line, reason, raw)
    }

    /// Flushes the file. Returns its path, or `None` if no row was rejected.
    ///
    /// # Errors
    /// [`RejectsError`] if the file cannot be written.
    pub(crate) fn finish(&mut self) -> Result<Option<&Path>, RejectsError> {
        match self.writer.as_mut().map(csv::Writer::flush) {
            None => Ok(None),
            Some(Ok(())) => Ok(Some(&self.path)),
            Some(Err(source)) => Err(self.error(source)),
        }
    }

    fn error(&self, source: io::Error) -> RejectsError {
        RejectsError { path: self.path.clone(), source }
    }
}

fn begin<W: Write>(file: W) -> io::Result<csv::Writer<W>> {
    let mut writer = csv::Writer::from_writer(file);
    writer.write_record(["line", "reason", "row"])?;
    Ok(writer)
}

fn write_reject<W: Write>(writer: &mut csv::Writer<W>, line: u64, reason: &Reject, raw: &[u8]) -> io::Result<()> {
    writer.write_record([line.to_string().as_bytes(), reason.to_string().as_bytes(), raw])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reject_has_line_reason_and_raw_row() {
        let mut writer = begin(Vec::new()).expect("memory");
        let row = b"\"A\"\",B\",\xff\n2";
        write_reject(&mut writer, 7, &Reject::NotUtf8, row).expect("memory");
        let written = writer.into_inner().expect("memory");
        let mut reader = csv::Reader::from_reader(written.as_slice());
        assert_eq!(reader.byte_headers().expect("a header"), &vec!["line", "reason", "row"]);
        let record = reader.byte_records().next().expect("one").expect("a record");
        assert_eq!(record.iter().collect::<Vec<_>>(), [b"7".as_slice(), b"not UTF-8 text", row]);
    }

    #[test]
    fn a_run_without_rejects_removes_the_old_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.csv.rejects.csv");
        std::fs::write(&path, "old").expect("written");
        let mut rejects = Rejects::prepare(path.clone()).expect("writable");
        assert_eq!(rejects.finish().expect("nothing to do"), None);
        assert!(!path.exists());
        rejects.add(2, &Reject::NoSymbol, b",x").expect("written");
        assert_eq!(rejects.finish().expect("flushed"), Some(path.as_path()));
        assert_eq!(std::fs::read_to_string(&path).expect("a file"), "line,reason,row\n2,no symbol,\",x\"\n");
    }

    #[test]
    fn an_unwritable_path_is_an_error_before_the_first_row() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(Rejects::prepare(folder.path().join("absent").join("a.csv.rejects.csv")).is_err());
    }
}
