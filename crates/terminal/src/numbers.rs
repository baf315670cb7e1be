//! Formats numbers for messages.
//!
//! indicatif adds the thousands separators. Its `DecimalBytes` prints two decimal places for every unit, but the
//! summaries print one for most units, so this module formats sizes itself.

use indicatif::HumanCount;

/// Formats a number with thousands separators: `1,234,567`.
#[must_use]
pub fn grouped(number: u64) -> String {
    HumanCount(number).to_string()
}

/// Formats a count and its noun, in the singular or the plural: `1 batch`, `1,200 batches`.
#[must_use]
pub fn counted(number: u64, singular: &str, plural: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { singular } else { plural })
}

/// Formats a size in bytes: `912 B`, `1.2 kB`, `1.2 MB`, `1.23 GB`.
#[must_use]
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        let cases = [(0, "0"), (999, "999"), (1_000, "1,000"), (12_154, "12,154"), (1_234_567, "1,234,567")];
        for (number, text) in cases {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn one_thing_is_singular() {
        let cases = [(0, "0 batches"), (1, "1 batch"), (2, "2 batches"), (1_200, "1,200 batches")];
        for (number, text) in cases {
            assert_eq!(counted(number, "batch", "batches"), text);
        }
    }

    #[test]
    fn sizes_have_the_largest_unit_that_fits() {
        let cases = [(0, "0 B"), (999, "999 B"), (1_000, "1.0 kB"), (1_250_000, "1.2 MB"), (1_234_000_000, "1.23 GB")];
        for (bytes, text) in cases {
            assert_eq!(size(bytes), text);
        }
    }
}
