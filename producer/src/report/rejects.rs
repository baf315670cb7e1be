//! `<input>.rejects.csv`: the rows that could not be quotes, with line number and reason.
//!
//! Its columns are separated by commas whatever the input's delimiter, so that any CSV reader takes it as it is; the
//! third cell is the row as the input has it, delimiters and all.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::encode::record_encoder::Reject;

/// The rejects file of one input; it comes into being with the first rejected row.
pub struct Rejects {
    path: PathBuf,
    writer: Option<csv::Writer<File>>,
}

impl Rejects {
    /// Makes sure that `path` can be written, and removes what an earlier run left there.
    ///
    /// # Errors
    /// Those of writing there.
    pub fn prepare(path: PathBuf) -> io::Result<Self> {
        OpenOptions::new().append(true).create(true).open(&path)?;
        std::fs::remove_file(&path)?;
        Ok(Self { path, writer: None })
    }

    /// As [`Rejects::prepare`], but nothing is touched before a row is rejected.
    #[must_use]
    pub fn unprepared(path: PathBuf) -> Self {
        Self { path, writer: None }
    }

    /// Adds a row: `raw` is the row as written.
    ///
    /// # Errors
    /// Those of writing.
    pub fn add(&mut self, line: u64, reason: &Reject, raw: &[u8]) -> io::Result<()> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            absent => absent.insert(begin(File::create(&self.path)?)?),
        };
        write_reject(writer, line, reason, raw)
    }

    /// Ends the file; its path, if there is one.
    ///
    /// # Errors
    /// Those of writing.
    pub fn finish(&mut self) -> io::Result<Option<&Path>> {
        match &mut self.writer {
            None => Ok(None),
            Some(writer) => {
                writer.flush()?;
                Ok(Some(&self.path))
            }
        }
    }

    /// Where the file is, or would be.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
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
    fn a_reject_holds_line_reason_and_the_row_as_written() {
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
    fn a_clean_run_leaves_no_file_not_even_an_old_one() {
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
    fn what_cannot_be_written_is_known_beforehand() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(Rejects::prepare(folder.path().join("absent").join("a.csv.rejects.csv")).is_err());
    }
}
