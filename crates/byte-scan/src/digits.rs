//! Numbers in decimal digits.

use crate::simd::{BLOCK, Block, Bytes};

/// Adds one to the number that a text ends in; tells whether there was room for it. If there was not, there are noughts.
#[inline]
pub fn count_up(text: &mut [u8]) -> bool {
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

/// The number that a block begins with, and how many digits it has, which are neither none nor all.
#[inline]
pub fn in_block(block: &Block) -> Option<(i64, usize)> {
    let length = Bytes::not_digits(block).first();
    if length == 0 || length == BLOCK {
        return None;
    }
    // With nothing before them, the digits are sixteen.
    let digits = u128::from_le_bytes(*block) << (8 * (BLOCK - length)) & u128::from_le_bytes([0x0f; BLOCK]);
    let number = eight_digits(digits as u64) * 100_000_000 + eight_digits((digits >> 64) as u64);
    Some((number as i64, length))
}

/// The number that eight digits make, the first the highest: pairs of them, then pairs of pairs, side by side.
#[inline]
fn eight_digits(digits: u64) -> u64 {
    let pairs = (digits * 10 + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    (fours * 10_000 + (fours >> 32)) & 0xffff_ffff
}

/// The same of up to 18 digits, however little follows them.
#[inline]
pub fn long(text: &[u8]) -> Option<(i64, usize)> {
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
        fn digits_make_the_number_that_the_standard_library_reads(text in "[0-9]{0,20}[^0-9]{0,3}[0-9a-z]{0,20}") {
            let length = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
            let expected = text[..length].parse::<i64>().ok().map(|number| (number, length));
            prop_assert_eq!(long(text.as_bytes()), expected.filter(|_| length <= 18));
            if let Some(block) = text.as_bytes().first_chunk() {
                prop_assert_eq!(in_block(block), expected.filter(|_| length < BLOCK));
            }
        }

        #[test]
        fn a_number_is_counted_up_where_it_stands(before in "[a-z:\"]{0,3}", number in prop_oneof![0..2_000_u64, any::<u64>()]) {
            let mut text = format!("{before}{number}").into_bytes();
            let length = text.len();
            let next = format!("{before}{}", u128::from(number) + 1);
            if count_up(&mut text) {
                prop_assert_eq!(text, next.into_bytes());
            } else {
                prop_assert!(next.len() > length);
            }
        }
    }
}
