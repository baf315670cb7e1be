//! Variable-length integers as in Protocol Buffers, with zigzag encoding.

use std::io::{self, BufRead};

/// Reads an integer of 32 bits.
pub(crate) fn read_varint(reader: &mut impl BufRead) -> io::Result<i32> {
    let value = read_unsigned(reader, 5)? as u32;
    Ok((value >> 1) as i32 ^ -((value & 1) as i32))
}

/// Reads an integer of 64 bits.
pub(crate) fn read_varlong(reader: &mut impl BufRead) -> io::Result<i64> {
    let value = read_unsigned(reader, 10)?;
    Ok((value >> 1) as i64 ^ -((value & 1) as i64))
}

/// Appends an integer of 32 or 64 bits; both have the same encoding.
pub(crate) fn write_varint(buffer: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        buffer.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    buffer.push(rest as u8);
}

fn read_unsigned(reader: &mut impl BufRead, max_bytes: u32) -> io::Result<u64> {
    let mut value = 0;
    for shift in (0..max_bytes * 7).step_by(7) {
        let byte = *reader.fill_buf()?.first().ok_or(io::ErrorKind::UnexpectedEof)?;
        reader.consume(1);
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(super::invalid("a variable-length integer is too long"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_survive_encoding() {
        for value in [0, 1, -1, 63, 64, -64, -65, i32::MAX.into(), i32::MIN.into()] {
            let mut buffer = Vec::new();
            write_varint(&mut buffer, value);
            assert_eq!(i64::from(read_varint(&mut &buffer[..]).unwrap()), value);
        }
        for value in [i64::MAX, i64::MIN] {
            let mut buffer = Vec::new();
            write_varint(&mut buffer, value);
            assert_eq!(read_varlong(&mut &buffer[..]).unwrap(), value);
        }
    }

    #[test]
    fn overlong_integer_is_invalid() {
        let error = read_varint(&mut &[0xff; 6][..]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
