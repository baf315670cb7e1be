//! Eight bytes at once, the first lowest: how many of them need no look at each.

const EACH: u64 = 0x0101_0101_0101_0101;

/// How many of eight bytes, the first lowest, come before a quotation mark, a backslash or a control character.
pub(super) fn plain_bytes(block: u64) -> usize {
    (special(block).trailing_zeros() / 8) as usize
}

/// How many of eight bytes, the first lowest, come before one of those or one that is not ASCII.
pub(super) fn plain_ascii(block: u64) -> usize {
    ((special(block) | (block & (EACH * 0x80))).trailing_zeros() / 8) as usize
}

fn special(block: u64) -> u64 {
    // The high bit of a byte is set where the byte is below `limit`; above the first such byte it may be set by mistake.
    let below = |bytes: u64, limit: u64| bytes.wrapping_sub(EACH * limit) & !bytes & (EACH * 0x80);
    let is = |byte: u8| below(block ^ (EACH * u64::from(byte)), 1);
    is(b'"') | is(b'\\') | below(block, 0x20)
}

/// How many of eight bytes of UTF-8, the first lowest, come before one that is no digit.
pub(super) fn leading_digits(block: u64) -> usize {
    const HIGH: u64 = EACH * 0xf0;
    // A digit's upper half is 3, and still is with 6 added; no byte of UTF-8 overflows by that.
    let others = ((block & HIGH) ^ (EACH * 0x30)) | ((block.wrapping_add(EACH * 6) & HIGH) ^ (EACH * 0x30));
    (others.trailing_zeros() / 8) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn eight_bytes_at_once_are_told_apart_as_one_by_one(
            block in prop::array::uniform8(prop_oneof![0..=0xf4_u8, Just(b'"'), Just(b'\\'), b'/'..=b':', 0x1f..=0x21_u8, 0x7f..=0x81_u8]),
        ) {
            let word = u64::from_le_bytes(block);
            let before = |special: &dyn Fn(u8) -> bool| block.iter().position(|&byte| special(byte)).unwrap_or(8);
            prop_assert_eq!(plain_bytes(word), before(&|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)));
            prop_assert_eq!(plain_ascii(word), before(&|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f | 0x80..)));
            prop_assert_eq!(leading_digits(word), before(&|byte| !byte.is_ascii_digit()));
        }
    }
}
