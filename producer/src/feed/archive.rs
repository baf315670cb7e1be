//! Opens compressed inputs (gzip, and zip archives with one CSV file) and recognises formats that are not CSV.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use flate2::Crc;
use flate2::bufread::{DeflateDecoder, MultiGzDecoder};
use thiserror::Error;

/// Reason that an input is not CSV, or is packed in an unsupported way.
#[derive(Debug, Error)]
pub enum FormatError {
    /// An Excel workbook.
    #[error(
        "this is an Excel workbook; save it as CSV, or convert it with `libreoffice --headless --convert-to csv {0}`"
    )]
    Excel(String),
    /// A Parquet file.
    #[error("this is a Parquet file; convert it, for example with `duckdb -c \"COPY (FROM '{0}') TO 'out.csv'\"`")]
    Parquet(String),
    /// A JSON or XML document or a web page, such as a server's error message.
    #[error("this is {0}, not CSV: {1}")]
    NotCsv(&'static str, String),
    /// A zip archive with several files, or none.
    #[error("the zip archive has {0}; unpack it and give the paths of the CSV files")]
    Entries(String),
    /// A zip entry that is compressed or encrypted in an unsupported way.
    #[error("the zip archive's file {0} is encrypted or compressed in an unsupported way; unpack it")]
    Unsupported(String),
    /// A zip archive that is not a regular file, and thus cannot be read from its end.
    #[error("a zip archive cannot be read from a pipe; give the path of the file instead")]
    ZipPipe,
    /// A followed file that is compressed or encoded in UTF-16.
    #[error("--follow reads plain text only, and this file is {0}")]
    Followed(&'static str),
    /// A zip archive that is damaged or cannot be read.
    #[error("failed to read the zip archive: {0}")]
    Zip(#[from] zip::result::ZipError),
}

/// The format of an input, recognised by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Magic {
    Gzip,
    Zip,
    OldExcel,
    Parquet,
    Text,
}

impl Magic {
    pub(super) fn of(start: &[u8]) -> Self {
        match start {
            [0x1f, 0x8b, ..] => Magic::Gzip,
            [b'P', b'K', 3, 4, ..] => Magic::Zip,
            [0xd0, 0xcf, 0x11, 0xe0, ..] => Magic::OldExcel,
            [b'P', b'A', b'R', b'1', ..] => Magic::Parquet,
            _ => Magic::Text,
        }
    }
}

/// Returns an error if the text is a JSON or XML document or a web page.
pub(super) fn check_text(start: &[u8]) -> Result<(), FormatError> {
    let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    let begins = |word: &str| text.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word.as_bytes()));
    let kind = match text {
        [b'{', ..] => "JSON",
        [b'[', rest @ ..] if rest.trim_ascii_start().starts_with(b"{") => "JSON",
        _ if begins("<!doctype") || begins("<html") => "a web page",
        _ if begins("<?xml") => "XML",
        _ => return Ok(()),
    };
    let excerpt = String::from_utf8_lossy(&text[..text.len().min(300)]);
    let words: Vec<&str> = excerpt.split_whitespace().collect();
    Err(FormatError::NotCsv(kind, words.join(" ").chars().take(120).collect()))
}

/// A decompressor whose errors name the gzip stream as the cause.
pub(super) struct Gunzip<R>(MultiGzDecoder<R>);

impl<R: BufRead> Gunzip<R> {
    pub(super) fn new(source: R) -> Self {
        Gunzip(MultiGzDecoder::new(source))
    }
}

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

/// The CSV file in a zip archive. Reading it to its end verifies its checksum.
pub(super) struct ZippedFile<R> {
    source: R,
    crc: Crc,
    expected: u32,
}

/// Opens the CSV file in a zip archive.
///
/// # Errors
/// [`FormatError`] if the archive cannot be read, is an Excel workbook, does not have exactly one file, or stores that
/// file in an unsupported way.
pub(super) fn open_zip(path: &Path) -> Result<ZippedFile<Box<dyn Read + Send>>, FormatError> {
    let mut archive = zip::ZipArchive::new(BufReader::new(File::open(path).map_err(zip::result::ZipError::Io)?))?;
    let names = archive.file_names().map(|name| name.map(String::from)).collect::<Result<Vec<String>, _>>()?;
    if names.iter().any(|name| name == "xl/workbook.xml") {
        return Err(FormatError::Excel(path.display().to_string()));
    }
    let is_file = |name: &&String| !name.ends_with('/') && !name.starts_with("__MACOSX/") && !name.contains("/.");
    let files: Vec<&String> = names.iter().filter(is_file).collect();
    let name = match files.as_slice() {
        [only] => (*only).clone(),
        [] => return Err(FormatError::Entries("no file".to_owned())),
        several => return Err(FormatError::Entries(format!("{} files, such as {}", several.len(), several[0]))),
    };
    let index = archive.index_for_name(&name).unwrap_or_default();
    let entry = archive.by_index_raw(index)?;
    let (start, length, method, expected) =
        (entry.data_start(), entry.compressed_size(), entry.compression(), entry.crc32());
    let is_encrypted = entry.encrypted();
    drop(entry);
    let Some(start) = start.filter(|_| !is_encrypted) else { return Err(FormatError::Unsupported(name)) };
    let mut file = File::open(path).map_err(zip::result::ZipError::Io)?;
    file.seek(SeekFrom::Start(start)).map_err(zip::result::ZipError::Io)?;
    let compressed = file.take(length);
    let source: Box<dyn Read + Send> = match method {
        zip::CompressionMethod::Stored => Box::new(compressed),
        zip::CompressionMethod::Deflated => Box::new(DeflateDecoder::new(BufReader::new(compressed))),
        _ => return Err(FormatError::Unsupported(name)),
    };
    Ok(ZippedFile { source, crc: Crc::new(), expected })
}

impl<R: Read> Read for ZippedFile<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(into)?;
        self.crc.update(&into[..read]);
        if read == 0 && !into.is_empty() && self.crc.sum() != self.expected {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the zip archive is damaged"));
        }
        Ok(read)
    }
}
