//! Sixteen bytes at once: which of them need a look at each.

use wide::u8x16;

/// How many bytes make a block.
pub const BLOCK: usize = 16;

/// So many bytes of a text.
pub type Block = [u8; BLOCK];

/// A bit for each byte of a block, the first lowest, and two after the last, so that there are a first and a second.
#[derive(Clone, Copy, Debug)]
pub struct Bytes(u32);

const END: u32 = 0b11 << BLOCK;

impl Bytes {
    /// Those that JSON's strings may not hold as they are: quotation marks, backslashes, control characters.
    #[inline]
    pub fn special(block: &Block) -> Self {
        Self::of(special(u8x16::from(*block)))
    }

    /// Those, and whatever is not ASCII.
    #[inline]
    pub fn special_or_not_ascii(block: &Block) -> Self {
        Self::of(special_or_not_ascii(u8x16::from(*block)))
    }

    /// All but digits.
    #[inline]
    pub fn not_digits(block: &Block) -> Self {
        let from_zero = u8x16::from(*block) - u8x16::splat(b'0');
        let are_digits = from_zero.min(u8x16::splat(9)).simd_eq(from_zero);
        Bytes(are_digits.to_bitmask() ^ (END | 0xffff))
    }

    /// The place of the first; [`BLOCK`] if there is none.
    #[inline]
    pub fn first(self) -> usize {
        self.0.trailing_zeros() as usize
    }

    /// The place of the second; [`BLOCK`] or one more if there is none.
    #[inline]
    pub fn second(self) -> usize {
        (self.0 & (self.0 - 1)).trailing_zeros() as usize
    }

    #[inline]
    fn of(mask: u8x16) -> Self {
        Bytes(mask.to_bitmask() | END)
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
        fn sixteen_bytes_at_once_are_told_apart_as_one_by_one(
            block in prop::array::uniform16(prop_oneof![
                any::<u8>(), Just(b'"'), Just(b'\\'), b'/'..=b':', b'0'..=b'9', 0x1f..=0x21_u8, 0x7f..=0x81_u8, b'a'..=b'z',
            ]),
        ) {
            let places = |special: &dyn Fn(u8) -> bool| {
                let mut places = (0..BLOCK).filter(|&place| special(block[place]));
                (places.next().unwrap_or(BLOCK), places.next().unwrap_or(BLOCK))
            };
            let is_special = |byte: u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
            for (bytes, expected) in [
                (Bytes::special(&block), places(&is_special)),
                (Bytes::special_or_not_ascii(&block), places(&|byte| is_special(byte) || !byte.is_ascii())),
                (Bytes::not_digits(&block), places(&|byte| !byte.is_ascii_digit())),
            ] {
                prop_assert_eq!((bytes.first(), bytes.second().min(BLOCK)), expected);
            }
        }
    }
}
