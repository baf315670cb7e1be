//! Exact decimal numbers. A number is stored in whole units of its last digit, so sums and comparisons are exact.

/// Maximum number of digits; a longer number is not parsed. The product of a number of this length and a sum of weights
/// fits into 128 bits.
const MAX_DIGITS: u32 = 29;

/// A decimal number: `units` / 10^`decimals`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decimal {
    pub(crate) units: i128,
    pub(crate) decimals: u32,
}

impl Decimal {
    /// Parses a JSON number. `1.50` has two decimals, `1.5e3` none. Returns `None` if the text is not a number, or has
    /// more than [`MAX_DIGITS`] digits.
    pub(crate) fn parse(json: &str) -> Option<Self> {
        let (mantissa, exponent) = match json.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (json, 0),
        };
        let (integer, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let is_negative = integer.starts_with('-');
        let mut units = 0_i128;
        for byte in integer.trim_start_matches('-').bytes().chain(fraction.bytes()) {
            let digit = byte.is_ascii_digit().then(|| i128::from(byte - b'0'))?;
            units = units.checked_mul(10)?.checked_add(digit)?;
        }
        let units = if is_negative { -units } else { units };
        let decimals = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
        let number = match u32::try_from(decimals) {
            Ok(decimals) => Decimal { units, decimals },
            Err(_) => Decimal { units, decimals: 0 }.times_power_of_ten(decimals.unsigned_abs())?,
        };
        number.with_decimals(number.decimals)
    }

    /// Returns the same number with `decimals` decimals. Returns `None` if the number already has more decimals, or
    /// would become longer than [`MAX_DIGITS`].
    pub(crate) fn with_decimals(self, decimals: u32) -> Option<Self> {
        let scaled = self.times_power_of_ten(decimals.checked_sub(self.decimals)?)?;
        let fits = decimals <= MAX_DIGITS && scaled.units.unsigned_abs() < 10_u128.pow(MAX_DIGITS);
        fits.then_some(Decimal { units: scaled.units, decimals })
    }

    fn times_power_of_ten(self, power: u32) -> Option<Self> {
        let units = self.units.checked_mul(10_i128.checked_pow(power)?)?;
        Some(Decimal { units, ..self })
    }

    /// Appends the number with all its decimals.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        if self.units < 0 {
            out.push(b'-');
        }
        let digits = self.units.unsigned_abs().to_string();
        let decimals = self.decimals as usize;
        let digits = format!("{digits:0>width$}", width = decimals + 1);
        let (integer, fraction) = digits.split_at(digits.len() - decimals);
        out.extend_from_slice(integer.as_bytes());
        if decimals > 0 {
            out.push(b'.');
            out.extend_from_slice(fraction.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(number: Decimal) -> String {
        let mut out = Vec::new();
        number.write(&mut out);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn a_number_is_written_with_its_decimals() {
        for text in ["0", "7", "-7", "0.0", "1.50", "-0.05", "187.14999389648438", "2568.300049"] {
            assert_eq!(Decimal::parse(text).map(written).as_deref(), Some(text));
        }
        for (text, plain) in [("1e3", "1000"), ("1.5E+03", "1500"), ("1.5e1", "15"), ("2.50e-3", "0.00250")] {
            assert_eq!(Decimal::parse(text).map(written).as_deref(), Some(plain));
        }
    }

    #[test]
    fn decimals_are_added_as_zeros() {
        let one = Decimal::parse("-1.5").expect("a number");
        assert_eq!(one.with_decimals(3).map(written).as_deref(), Some("-1.500"));
        assert_eq!(one.with_decimals(0), None);
    }

    #[test]
    fn numbers_that_are_too_long_are_none() {
        let digits = "9".repeat(29);
        assert!(Decimal::parse(&digits).is_some());
        for text in [format!("{digits}0"), format!("{digits}e1"), "1e-30".into(), "1e999".into(), "null".into()] {
            assert_eq!(Decimal::parse(&text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_plain_number_is_written_as_parsed(text in "-?(0|[1-9][0-9]{0,11})(\\.[0-9]{1,15})?") {
            let number = Decimal::parse(&text).expect("a number");
            prop_assume!(number.units != 0 || !text.starts_with('-'));
            prop_assert_eq!(written(number), text);
        }

        #[test]
        fn no_text_causes_a_panic(text in "[-+0-9.eE]{0,40}") {
            let _ = Decimal::parse(&text);
        }
    }
}
