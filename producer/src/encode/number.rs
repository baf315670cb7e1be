//! Turns the numbers of CSV cells into JSON numbers, digit for digit.
//!
//! Numbers are never converted to floats: a table's column may have a decimal type, and a price must keep all digits
//! that it has in the file.

use thiserror::Error;

use crate::plan::number_format::{DecimalSign, NumberFormat, Unreadable, is_missing};

/// Reason that a cell is not a number that a table can store. The message follows the column's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NumberError {
    /// A number too large for a double, or an infinity.
    #[error("is not a finite number")]
    NotFinite,
    /// A number whose decimal sign differs from the file's, or whose digits are grouped irregularly.
    #[error("has separators that do not fit the file's other numbers")]
    Separators,
    /// A number such as `1,234`, in a file whose other numbers do not show whether the comma is the decimal sign.
    #[error("has a comma that may be a decimal comma or a thousands separator; use --decimal point or --decimal comma")]
    AmbiguousComma,
    /// A code such as `0042` in a column whose other cells are numbers.
    #[error("has leading zeros; if the column holds codes, name it with --text")]
    LeadingZeros,
    /// Anything else.
    #[error("is not a number")]
    NotANumber,
}

/// Reads `cell` as a number in the file's format and appends it to `out` as a JSON number, or `null` if it is a word
/// for a missing value.
///
/// # Errors
/// [`NumberError`] if the cell is not a finite decimal number in this format.
pub(crate) fn write_cell(
    cell: &str,
    format: NumberFormat,
    magnitudes: bool,
    out: &mut Vec<u8>,
) -> Result<(), NumberError> {
    let is_plain = format.decimal == DecimalSign::Point || !cell.contains(['.', ',']);
    if is_plain {
        match write_number(cell.as_bytes(), out) {
            Err(NumberError::NotANumber) => {}
            done => return done,
        }
    }
    if is_missing(cell) {
        out.extend_from_slice(b"null");
        return Ok(());
    }
    let rewritten = format.rewrite(cell, magnitudes).map_err(|unreadable| match unreadable {
        Unreadable::Separators => NumberError::Separators,
        Unreadable::AmbiguousGroup => NumberError::AmbiguousComma,
        Unreadable::NotANumber if is_infinity(cell) => NumberError::NotFinite,
        Unreadable::NotANumber => NumberError::NotANumber,
    })?;
    write_number(rewritten.as_bytes(), out)
}

fn is_infinity(cell: &str) -> bool {
    let word = cell.trim_start_matches(['+', '-']);
    word.eq_ignore_ascii_case("inf") || word.eq_ignore_ascii_case("infinity")
}

/// Appends `cell` to `out` as a JSON number with exactly the same value.
///
/// A valid JSON number is copied unchanged. `+3`, `007`, `2913.` and `.5` are not valid JSON and become `3`, `7`,
/// `2913` and `0.5`. On an error, nothing is appended.
///
/// # Errors
/// [`NumberError`] if the cell is not a finite decimal number.
pub(crate) fn write_number(cell: &[u8], out: &mut Vec<u8>) -> Result<(), NumberError> {
    let (negative, unsigned) = match cell {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let (integer, rest) = split_digits(unsigned);
    let (fraction, exponent) = match rest {
        [b'.', rest @ ..] => split_digits(rest),
        rest => (&rest[..0], rest),
    };
    if (integer.is_empty() && fraction.is_empty()) || !is_exponent(exponent) {
        return Err(NumberError::NotANumber);
    }
    if (!exponent.is_empty() || integer.len() > 308) && overflows(cell) {
        return Err(NumberError::NotFinite);
    }
    if negative {
        out.push(b'-');
    }
    let zeros = integer.iter().take_while(|&&digit| digit == b'0').count();
    match &integer[zeros..] {
        [] => out.push(b'0'),
        digits => out.extend_from_slice(digits),
    }
    if !fraction.is_empty() {
        out.push(b'.');
        out.extend_from_slice(fraction);
    }
    out.extend_from_slice(exponent);
    Ok(())
}

fn split_digits(bytes: &[u8]) -> (&[u8], &[u8]) {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    bytes.split_at(digits)
}

/// Returns `true` if `bytes` is empty, or an exponent that JSON allows.
fn is_exponent(bytes: &[u8]) -> bool {
    match bytes {
        [] => true,
        [b'e' | b'E', b'+' | b'-', digits @ ..] | [b'e' | b'E', digits @ ..] => {
            !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
        }
        _ => false,
    }
}

/// Returns `true` if the number is too large for a double.
fn overflows(cell: &[u8]) -> bool {
    std::str::from_utf8(cell).ok().and_then(|text| text.parse::<f64>().ok()).is_none_or(f64::is_infinite)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(cell: &str) -> Result<String, NumberError> {
        let mut out = Vec::new();
        let result = write_number(cell.as_bytes(), &mut out);
        assert!(result.is_ok() || out.is_empty(), "an error appends nothing");
        result.map(|()| String::from_utf8(out).expect("numbers are ASCII"))
    }

    /// Returns a decimal as (negative, digits without outer zeros, power of ten of the last digit).
    fn exact(number: &str) -> (bool, String, i64) {
        let (negative, number) = match number.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, number.strip_prefix('+').unwrap_or(number)),
        };
        let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
        let (integer, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{integer}{fraction}");
        let mut power = exponent.parse::<i64>().expect("an exponent") - fraction.len() as i64;
        let trimmed = digits.trim_end_matches('0');
        power += (digits.len() - trimmed.len()) as i64;
        let digits = trimmed.trim_start_matches('0').to_owned();
        if digits.is_empty() { (negative, digits, 0) } else { (negative, digits, power) }
    }

    #[test]
    fn valid_json_numbers_are_copied() {
        for cell in ["0", "-0", "0.0", "2568.300049", "1e5", "1E+05", "-2.50e-3", "9616100"] {
            assert_eq!(written(cell).as_deref(), Ok(cell));
        }
    }

    #[test]
    fn numbers_that_are_not_valid_json_are_rewritten() {
        for (cell, json) in [
            ("2913.", "2913"),
            (".5", "0.5"),
            ("-.5", "-0.5"),
            ("+3", "3"),
            ("007", "7"),
            ("-007.50", "-7.50"),
            ("000", "0"),
            ("1.e5", "1e5"),
            ("00.5", "0.5"),
        ] {
            assert_eq!(written(cell).as_deref(), Ok(json), "{cell}");
        }
    }

    #[test]
    fn cells_are_written_in_the_files_format() {
        let written = |cell: &str, decimal, has_groups| {
            let mut out = Vec::new();
            let format = NumberFormat { decimal, has_groups };
            write_cell(cell, format, true, &mut out).map(|()| String::from_utf8(out).expect("numbers are ASCII"))
        };
        for (cell, json) in [("1,234.5", "1234.5"), ("$3", "3"), ("n/a", "null"), ("", "null"), ("2.5M", "2500000")] {
            assert_eq!(written(cell, DecimalSign::Point, false).as_deref(), Ok(json), "{cell}");
        }
        for (cell, json) in [("1.234,5", "1234.5"), ("1.234", "1234"), ("7", "7"), ("-", "null")] {
            assert_eq!(written(cell, DecimalSign::Comma, true).as_deref(), Ok(json), "{cell}");
        }
        for cell in ["-inf", "Infinity", "+INF", "1e999", "-1e400"] {
            assert_eq!(written(cell, DecimalSign::Point, false), Err(NumberError::NotFinite), "{cell}");
        }
        for cell in ["1,5", "0,123", "1.234,5", "1234,567", "1,"] {
            assert_eq!(written(cell, DecimalSign::Point, false), Err(NumberError::Separators), "{cell}");
        }
        for cell in ["1,234", "-123,456"] {
            assert_eq!(written(cell, DecimalSign::Point, false), Err(NumberError::AmbiguousComma), "{cell}");
            assert!(written(cell, DecimalSign::Point, true).is_ok(), "{cell}");
        }
        for cell in ["+", "e5", "1e", "1e+", "--1", "0x10", "12%", "1_000"] {
            assert_eq!(written(cell, DecimalSign::Point, false), Err(NumberError::NotANumber), "{cell}");
        }
    }

    #[test]
    fn other_cells_are_not_numbers() {
        for cell in ["", "-", "+", ".", "e5", "1e", "1e+", "--1", "+-1", "0x10", "12%", "$3", "null", "1,5", "NaN"] {
            assert_eq!(written(cell), Err(NumberError::NotANumber), "{cell}");
        }
    }

    proptest! {
        #[test]
        fn the_value_is_unchanged_and_the_output_is_json(
            cell in r"[+-]?([0-9]{1,40}\.?[0-9]{0,30}|\.[0-9]{1,30})([eE][+-]?[0-9]{1,2})?"
        ) {
            let json = written(&cell).expect("a number");
            prop_assert_eq!(exact(&json), exact(&cell));
            prop_assert!(serde_json::from_str::<serde_json::Number>(&json).is_ok(), "{}", json);
        }

        #[test]
        fn every_accepted_cell_becomes_a_json_number(cell in "[-+0-9.eE,x ]{0,12}") {
            if let Ok(json) = written(&cell) {
                prop_assert!(serde_json::from_str::<serde_json::Number>(&json).is_ok(), "{} {}", cell, json);
                prop_assert_eq!(exact(&json), exact(&cell));
            }
        }
    }
}
