//! The number format of a file: decimal sign, thousands separators, currency signs, K, M and B, and words for missing
//! values.
//!
//! A number is rewritten as text, digit for digit, and never becomes a float.

use std::borrow::Cow;

/// The sign between the whole part of a number and its fraction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DecimalSign {
    /// `1234.5`
    #[default]
    Point,
    /// `1234,5`
    Comma,
}

/// The number format of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NumberFormat {
    pub decimal: DecimalSign,
    /// Whether `1,234` (or `1.234` with decimal commas) is one thousand two hundred and thirty-four.
    pub has_groups: bool,
}

/// Reason that a cell cannot be rewritten as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// The separators contradict the file's format.
    Separators,
    /// A single group, such as `1,234`, in a file whose other cells do not show whether the comma is the decimal sign.
    AmbiguousGroup,
    /// The cell is not a number.
    NotANumber,
}

/// The parts of a number, before the separators are interpreted.
struct Parts<'a> {
    negative: bool,
    /// Digits and separators.
    digits: &'a str,
    /// `e5`, `K`, or nothing.
    suffix: &'a str,
}

const CURRENCY_SIGNS: &[char] = &['$', '€', '£', '¥', '₹', '₩', '₽', '₺', '₫', '₱', '฿', '₿', '₴', '₪'];
const CURRENCY_NAMES: [&str; 6] = ["US$", "C$", "A$", "HK$", "NZ$", "Rs."];
const MISSING: [&str; 15] =
    ["", "-", "--", "\u{2013}", "\u{2014}", ".", "\\N", "null", "none", "nan", "nat", "na", "n/a", "n.a.", "#n/a"];

/// Returns `true` if the cell is empty or a word for a missing value. The cell must not have blanks around it.
pub(crate) fn is_missing(cell: &str) -> bool {
    cell.len() <= 4 && MISSING.iter().any(|word| word.eq_ignore_ascii_case(cell))
}

impl NumberFormat {
    /// Rewrites a number as digits, with a minus sign, a decimal point and an exponent if needed: `$1,234.50` becomes
    /// `1234.50`, and with `magnitudes`, `57.32K` becomes `57320`.
    ///
    /// # Errors
    /// [`Unreadable`] if the cell is not a number in this format.
    pub(crate) fn rewrite(self, cell: &str, magnitudes: bool) -> Result<String, Unreadable> {
        let parts = Parts::parse(cell).ok_or(Unreadable::NotANumber)?;
        let shift = match parts.suffix {
            "" => 0,
            suffix if is_exponent(suffix) => 0,
            suffix => magnitude(suffix).filter(|_| magnitudes).ok_or(Unreadable::NotANumber)?,
        };
        let (whole, fraction) = self.split(parts.digits)?;
        let mut text = String::with_capacity(cell.len() + 12);
        if parts.negative {
            text.push('-');
        }
        text.push_str(&whole);
        if shift == 0 {
            if !fraction.is_empty() {
                text.push('.');
                text.push_str(fraction);
            }
            text.push_str(parts.suffix);
            return Ok(text);
        }
        let (moved, rest) = fraction.split_at(fraction.len().min(shift));
        text.push_str(moved);
        text.extend(std::iter::repeat_n('0', shift - moved.len()));
        if !rest.is_empty() {
            text.push('.');
            text.push_str(rest);
        }
        Ok(text)
    }

    /// Splits digits and separators into the whole part, without groups, and the fraction.
    fn split(self, digits: &str) -> Result<(Cow<'_, str>, &str), Unreadable> {
        let (decimal, group) = match self.decimal {
            DecimalSign::Point => ('.', ','),
            DecimalSign::Comma => (',', '.'),
        };
        let (whole, fraction) = digits.split_once(decimal).unwrap_or((digits, ""));
        if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Unreadable::Separators);
        }
        if whole.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok((Cow::Borrowed(whole), fraction));
        }
        let separator = whole.chars().find(|letter| !letter.is_ascii_digit()).unwrap_or(group);
        let groups: Vec<&str> = whole.split(separator).collect();
        if !is_grouped(&groups) || separator == decimal {
            return Err(Unreadable::Separators);
        }
        let is_certain = separator != group || groups.len() > 2 || !fraction.is_empty() || self.has_groups;
        if !is_certain {
            return Err(Unreadable::AmbiguousGroup);
        }
        Ok((Cow::Owned(groups.concat()), fraction))
    }
}

/// Returns `true` for one to three digits followed by groups of three digits. Also accepts numbers grouped as in India:
/// one or two digits, groups of two, and a last group of three.
fn is_grouped(groups: &[&str]) -> bool {
    let is_digits = |group: &&str| group.bytes().all(|byte| byte.is_ascii_digit());
    let [first, middle @ .., last] = groups else { return false };
    groups.iter().all(is_digits)
        && (1..=3).contains(&first.len())
        && !first.starts_with('0')
        && last.len() == 3
        && (middle.iter().all(|group| group.len() == 3)
            || (first.len() <= 2 && middle.iter().all(|group| group.len() == 2)))
}

fn is_exponent(suffix: &str) -> bool {
    let Some(exponent) = suffix.strip_prefix(['e', 'E']) else { return false };
    let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns the number of decimal places by which a suffix moves the point, or `None` for an unknown suffix.
fn magnitude(suffix: &str) -> Option<usize> {
    match suffix {
        "K" | "k" => Some(3),
        "M" | "m" | "mn" | "Mn" => Some(6),
        "B" | "b" | "bn" | "Bn" | "G" => Some(9),
        "T" | "t" => Some(12),
        _ => None,
    }
}

impl<'a> Parts<'a> {
    fn parse(cell: &'a str) -> Option<Self> {
        let is_blank = |letter: char| letter == ' ' || letter == '\u{a0}' || letter == '\u{202f}';
        let cell = cell.trim_matches(is_blank);
        let (negative, cell) = sign(cell);
        let bare = strip_currency(cell).trim_start_matches(is_blank);
        let has_currency = bare.len() < cell.len();
        let (after_currency, unsigned) = if has_currency && !negative { sign(bare) } else { (false, bare) };
        let unsigned = unsigned.trim_end_matches(CURRENCY_SIGNS).trim_end_matches(is_blank);
        let is_digit_or_separator = |letter: char| {
            letter.is_ascii_digit() || matches!(letter, '.' | ',' | '\'' | ' ' | '\u{a0}' | '\u{202f}' | '’')
        };
        let end = unsigned.find(|letter| !is_digit_or_separator(letter)).unwrap_or(unsigned.len());
        let (digits, suffix) = unsigned.split_at(end);
        let digits = digits.trim_end_matches(is_blank);
        let has_digit = digits.bytes().any(|byte| byte.is_ascii_digit());
        has_digit.then_some(Parts { negative: negative != after_currency, digits, suffix })
    }
}

fn sign(text: &str) -> (bool, &str) {
    match text.strip_prefix(['-', '\u{2212}']) {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

fn strip_currency(text: &str) -> &str {
    let named = CURRENCY_NAMES.iter().find_map(|name| text.strip_prefix(name));
    named.or_else(|| text.strip_prefix(CURRENCY_SIGNS)).unwrap_or(text)
}

/// The evidence that sampled cells give for a number format.
#[derive(Clone, Debug, Default)]
pub(super) struct Evidence {
    /// A cell in which the point can only be the decimal sign.
    pub(super) point: Option<String>,
    /// A cell in which the comma can only be the decimal sign.
    pub(super) comma: Option<String>,
    /// A cell such as `1,234`, in which the comma is the decimal sign or a thousands separator.
    pub(super) ambiguous: Option<String>,
    /// A cell such as `1.234`, in which the point is the decimal sign or a thousands separator.
    pub(super) ambiguous_point: Option<String>,
}

impl Evidence {
    /// Adds a cell. Returns `false` if it is not a number in any format.
    pub(super) fn add(&mut self, cell: &str, magnitudes: bool) -> bool {
        let grouped = |decimal| NumberFormat { decimal, has_groups: true }.rewrite(cell, magnitudes).ok();
        let (point, comma) = (grouped(DecimalSign::Point), grouped(DecimalSign::Comma));
        let slot = match (&point, &comma) {
            (None, None) => return false,
            (Some(_), None) => &mut self.point,
            (None, Some(_)) => &mut self.comma,
            (Some(point), Some(comma)) if point == comma => return true,
            (Some(_), Some(_)) if cell.contains('.') => &mut self.ambiguous_point,
            (Some(_), Some(_)) => &mut self.ambiguous,
        };
        slot.get_or_insert_with(|| cell.to_owned());
        true
    }

    /// Adds the evidence of another column.
    pub(super) fn merge(&mut self, other: Evidence) {
        self.point = self.point.take().or(other.point);
        self.comma = self.comma.take().or(other.comma);
        self.ambiguous = self.ambiguous.take().or(other.ambiguous);
        self.ambiguous_point = self.ambiguous_point.take().or(other.ambiguous_point);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POINT: NumberFormat = NumberFormat { decimal: DecimalSign::Point, has_groups: false };
    const GROUPS: NumberFormat = NumberFormat { decimal: DecimalSign::Point, has_groups: true };
    const COMMA: NumberFormat = NumberFormat { decimal: DecimalSign::Comma, has_groups: true };

    #[test]
    fn numbers_are_rewritten_digit_for_digit() {
        for (format, cell, expected) in [
            (POINT, "$243.04", "243.04"),
            (POINT, "-$5", "-5"),
            (POINT, "$-5", "-5"),
            (POINT, "243.04 €", "243.04"),
            (POINT, "1,234.50", "1234.50"),
            (POINT, "1,234,567", "1234567"),
            (POINT, "12,34,567.5", "1234567.5"),
            (POINT, "1'234.5", "1234.5"),
            (POINT, "57.32K", "57320"),
            (POINT, "1.5B", "1500000000"),
            (POINT, "0.12345K", "0123.45"),
            (POINT, "-1e5", "-1e5"),
            (GROUPS, "1,234", "1234"),
            (COMMA, "1.234,56", "1234.56"),
            (COMMA, "1.234", "1234"),
            (COMMA, "1,5", "1.5"),
            (COMMA, "1 234,5", "1234.5"),
        ] {
            assert_eq!(format.rewrite(cell, true).as_deref(), Ok(expected), "{cell}");
        }
    }

    #[test]
    fn a_cell_of_another_format_is_not_guessed() {
        for (format, cell, expected) in [
            (POINT, "1,234", Unreadable::AmbiguousGroup),
            (POINT, "1,5", Unreadable::Separators),
            (POINT, "1.234,56", Unreadable::Separators),
            (GROUPS, "1,23", Unreadable::Separators),
            (GROUPS, "0,123", Unreadable::Separators),
            (COMMA, "1.5", Unreadable::Separators),
            (COMMA, "1,234.5", Unreadable::Separators),
            (POINT, "5%", Unreadable::NotANumber),
            (POINT, "abc", Unreadable::NotANumber),
            (POINT, "5M5", Unreadable::NotANumber),
            (POINT, "6EH4", Unreadable::NotANumber),
        ] {
            assert_eq!(format.rewrite(cell, true), Err(expected), "{cell}");
        }
        assert_eq!(POINT.rewrite("5M", false), Err(Unreadable::NotANumber));
    }

    #[test]
    fn words_for_missing_are_known() {
        for cell in ["", "-", "N/A", "null", "NaN", ".", "None", "#N/A", "—", "NaT", "n.a.", "\\N"] {
            assert!(is_missing(cell), "{cell}");
        }
        for cell in ["0", "no", "nil!", "x"] {
            assert!(!is_missing(cell), "{cell}");
        }
    }

    #[test]
    fn cells_are_evidence_for_a_decimal_sign() {
        let of = |cells: &[&str]| {
            let mut evidence = Evidence::default();
            let numbers = cells.iter().filter(|cell| evidence.add(cell, true)).count();
            (numbers, evidence.point.is_some(), evidence.comma.is_some(), evidence.ambiguous.is_some())
        };
        assert_eq!(of(&["1", "1.234", "5"]), (3, false, false, false));
        assert_eq!(of(&["12.5"]), (1, true, false, false));
        assert_eq!(of(&["1,5"]), (1, false, true, false));
        assert_eq!(of(&["1,234"]), (1, false, false, true));
        assert_eq!(of(&["1,234,567"]), (1, true, false, false));
        assert_eq!(of(&["1.234.567"]), (1, false, true, false));
        assert_eq!(of(&["x"]), (0, false, false, false));
    }
}
