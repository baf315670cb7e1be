//! Finds the character encoding of an input from its first bytes.

use chardetng::EncodingDetector;
use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};

/// The encoding of an input that is not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decoding {
    pub(super) encoding: &'static Encoding,
    /// Whether the encoding is a guess from the frequency of characters.
    pub(super) is_guess: bool,
}

/// Returns how to decode an input, or `None` if it is UTF-8, perhaps with damaged rows.
pub(super) fn find(head: &[u8]) -> Option<Decoding> {
    let certain = |encoding| Some(Decoding { encoding, is_guess: false });
    match head {
        [0xff, 0xfe, ..] => return certain(UTF_16LE),
        [0xfe, 0xff, ..] => return certain(UTF_16BE),
        _ => {}
    }
    let start = &head[..head.len().min(1024)];
    let zeros = |from: usize| start.iter().skip(from).step_by(2).filter(|byte| **byte == 0).count();
    if zeros(1) * 5 > start.len() * 2 {
        return certain(UTF_16LE);
    }
    if zeros(0) * 5 > start.len() * 2 {
        return certain(UTF_16BE);
    }
    if !has_foreign_lines(head) {
        return None;
    }
    let mut detector = EncodingDetector::new();
    detector.feed(head, true);
    Some(Decoding { encoding: detector.guess(None, false), is_guess: true })
}

/// Returns `true` if the text is probably not UTF-8: more lines are invalid UTF-8 than contain valid non-ASCII
/// characters, and the invalid lines include one of the first three lines or are at least one line in fifty.
fn has_foreign_lines(head: &[u8]) -> bool {
    if head.utf8_chunks().all(|chunk| chunk.invalid().is_empty()) {
        return false;
    }
    let mut lines = head.split(|byte| *byte == b'\n').collect::<Vec<_>>();
    // The last line may be cut inside a character.
    lines.truncate(lines.len().max(2) - 1);
    let is_foreign = |line: &&&[u8]| std::str::from_utf8(line).is_err();
    let foreign = lines.iter().filter(is_foreign).count();
    let utf8 = lines.iter().filter(|line| !line.is_ascii() && !is_foreign(line)).count();
    let is_in_header = lines.iter().take(3).any(|line| is_foreign(&line));
    foreign > utf8 && (is_in_header || foreign * 50 >= lines.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(head: &[u8]) -> Option<(&'static str, bool)> {
        find(head).map(|found| (found.encoding.name(), found.is_guess))
    }

    #[test]
    fn utf_16_is_found_with_and_without_a_mark() {
        let text = |encode: fn(u16) -> [u8; 2]| "Date,Close\n".encode_utf16().flat_map(encode).collect::<Vec<u8>>();
        assert_eq!(name(&text(u16::to_le_bytes)), Some(("UTF-16LE", false)));
        assert_eq!(name(&text(u16::to_be_bytes)), Some(("UTF-16BE", false)));
        assert_eq!(name(&[&[0xff, 0xfe][..], &text(u16::to_le_bytes)].concat()), Some(("UTF-16LE", false)));
    }

    #[test]
    fn a_header_in_a_code_page_is_guessed() {
        let (gbk, _, _) = encoding_rs::GBK.encode("日期,开盘价,最高价,最低价,收盘价,成交量\n2024-01-02,1,2,3,4,5\n");
        assert_eq!(name(&gbk), Some(("GBK", true)));
        assert_eq!(name(b"Date,W\xe4hrung,Schlu\xdfkurs\n2024-01-02,EUR,1\n").map(|(_, guess)| guess), Some(true));
    }

    #[test]
    fn a_damaged_row_of_utf_8_is_no_other_encoding() {
        assert_eq!(name("Date,Börse\n".as_bytes()), None);
        let rows = "2024-01-02,1\n".repeat(200);
        assert_eq!(name(&[b"Date,Close\n", rows.as_bytes(), b"2024\xff,1\n"].concat()), None);
        assert_eq!(name("Date,Börs".as_bytes().split_last().expect("bytes").1), None);
    }
}
