//! Classifies the sixteen bytes of a block in one step.
//!
//! ```text
//! block            2 5 6 8 . 3 0 0 0 4 9 , " v o l
//! not_digits       0 0 0 0 1 0 0 0 0 0 0 1 1 1 1 1    first() = 4, second() = 11
//! ```

use wide::u8x16;

/// Number of bytes in a block.
pub const BLOCK: usize = 16;

/// Sixteen consecutive bytes of the input.
pub type Block = [u8; BLOCK];

/// A set of positions in a block: one bit for each byte, with the first byte in the lowest bit. The two bits above the
/// last byte are always set, so that a first and a second position always exist.
#[derive(Clone, Copy, Debug)]
pub struct ByteMask(u32);

const END: u32 = 0b11 << BLOCK;

impl ByteMask {
    /// Returns the positions of the bytes that a JSON string must escape: quotation marks, backslashes and control
    /// characters.
    #[inline]
    pub fn special(block: &Block) -> Self {
        Self::of(special(u8x16::from(*block)))
    }

    /// Returns the positions of the bytes that a JSON string must escape or that are not ASCII.
    #[inline]
    pub fn special_or_not_ascii(block: &Block) -> Self {
        Self::of(special_or_not_ascii(u8x16::from(*block)))
    }

    /// Returns the positions of all bytes except ASCII digits.
    #[inline]
    pub fn not_digits(block: &Block) -> Self {
        let from_zero = u8x16::from(*block) - u8x16::splat(b'0');
        let are_digits = from_zero.min(u8x16::splat(9)).simd_eq(from_zero);
        ByteMask(are_digits.to_bitmask() ^ (END | 0xffff))
    }

    /// Returns the first position in the set, or [`BLOCK`] if the set is empty.
    #[inline]
    pub fn first(self) -> usize {
        self.0.trailing_zeros() as usize
    }

    /// Returns the second position in the set. Returns [`BLOCK`] or more if the set has fewer than two positions.
    #[inline]
    pub fn second(self) -> usize {
        (self.0 & (self.0 - 1)).trailing_zeros() as usize
    }

    #[inline]
    fn of(mask: u8x16) -> Self {
        ByteMask(mask.to_bitmask() | END)
    }
}

#[inline]
fn special(bytes: u8x16) -> u8x16 {
    let is_control = bytes.min(u8x16::splat(0x1f)).simd_eq(bytes);
    is_control | is_quote_or_backslash(bytes)
}

#[inline]
fn special_or_not_ascii(bytes: u8x16) -> u8x16 {
    let from_space = bytes - u8x16::splat(b' ');
    let is_ascii_text = from_space.min(u8x16::splat(0x7f - b' ')).simd_eq(from_space);
    !is_ascii_text | is_quote_or_backslash(bytes)
}

#[inline]
fn is_quote_or_backslash(bytes: u8x16) -> u8x16 {
    bytes.simd_eq(u8x16::splat(b'"')) | bytes.simd_eq(u8x16::splat(b'\\'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn mask_equals_a_byte_by_byte_scan(
            block in prop::array::uniform16(prop_oneof![
                any::<u8>(), Just(b'"'), Just(b'\\'), b'/'..=b':', b'0'..=b'9', 0x1f..=0x21_u8, 0x7f..=0x81_u8, b'a'..=b'z',
            ]),
        ) {
            let positions = |special: &dyn Fn(u8) -> bool| {
                let mut positions = (0..BLOCK).filter(|&position| special(block[position]));
                (positions.next().unwrap_or(BLOCK), positions.next().unwrap_or(BLOCK))
            };
            let is_special = |byte: u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
            for (mask, expected) in [
                (ByteMask::special(&block), positions(&is_special)),
                (ByteMask::special_or_not_ascii(&block), positions(&|byte| is_special(byte) || !byte.is_ascii())),
                (ByteMask::not_digits(&block), positions(&|byte| !byte.is_ascii_digit())),
            ] {
                prop_assert_eq!((mask.first(), mask.second().min(BLOCK)), expected);
            }
        }
    }
}
