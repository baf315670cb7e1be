//! Parses decimal numbers, and increments them in place.
//!
//! A number within a block of sixteen bytes is parsed without a loop: the digits are shifted to the end of a 128-bit
//! integer, and neighbours are combined in three steps. For eight digits, with the first digit in the lowest byte:
//!
//! ```text
//! bytes   1 2 3 4 5 6 7 8    each is one digit
//! pairs   12  34  56  78     digit * 10 + next digit
//! fours   1234    5678       pair * 100 + next pair
//! number  12345678           four * 10000 + next four
//! ```

use crate::simd::{BLOCK, Block, ByteMask};

/// Increments the trailing ASCII number in place. Returns `false` on overflow, leaving zeros. Also returns `false`,
/// without a change, if the text does not end in a digit.
#[inline]
pub fn increment(text: &mut [u8]) -> bool {
    for digit in text.iter_mut().rev() {
        match digit {
            b'0'..=b'8' => {
                *digit += 1;
                return true;
            }
            b'9' => *digit = b'0',
            _ => return false,
        }
    }
    false
}

/// Parses the number at the start of a block. Returns the value and the number of digits, from 1 to 15. Returns `None`
/// if the block does not begin with a digit or contains only digits.
#[inline]
pub fn parse_in_block(block: &Block) -> Option<(i64, usize)> {
    let length = ByteMask::not_digits(block).first();
    if length == 0 || length == BLOCK {
        return None;
    }
    // Shifts out the bytes after the digits, and pads the number with leading zeros to sixteen digits.
    let digits = u128::from_le_bytes(*block) << (8 * (BLOCK - length)) & u128::from_le_bytes([0x0f; BLOCK]);
    let number = eight_digits(digits as u64) * 100_000_000 + eight_digits((digits >> 64) as u64);
    Some((number as i64, length))
}

/// Combines eight digits, with the most significant digit in the lowest byte, into a number.
#[inline]
fn eight_digits(digits: u64) -> u64 {
    let pairs = (digits * 10 + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    (fours * 10_000 + (fours >> 32)) & 0xffff_ffff
}

/// Parses the number at the start of `text`. Returns the value and the number of digits, or `None` if `text` does not
/// begin with a digit or begins with more than 18 digits.
#[inline]
pub fn parse_long(text: &[u8]) -> Option<(i64, usize)> {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = || text[..length].iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0'));
    (1..=18).contains(&length).then(|| (number(), length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn digits_parse_like_the_standard_library(text in "[0-9]{0,20}[^0-9]{0,3}[0-9a-z]{0,20}") {
            let length = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
            let expected = text[..length].parse::<i64>().ok().map(|number| (number, length));
            prop_assert_eq!(parse_long(text.as_bytes()), expected.filter(|_| length <= 18));
            if let Some(block) = text.as_bytes().first_chunk() {
                prop_assert_eq!(parse_in_block(block), expected.filter(|_| length < BLOCK));
            }
        }

        #[test]
        fn trailing_number_is_incremented_in_place(before in "[a-z:\"]{0,3}", number in prop_oneof![0..2_000_u64, any::<u64>()]) {
            let mut text = format!("{before}{number}").into_bytes();
            let length = text.len();
            let next = format!("{before}{}", u128::from(number) + 1);
            if increment(&mut text) {
                prop_assert_eq!(text, next.into_bytes());
            } else {
                prop_assert!(next.len() > length);
            }
        }
    }
}
