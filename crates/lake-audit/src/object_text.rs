//! Decodes an object in bounded memory.

use std::io::Read;

use bytes::Bytes;

use crate::objects::Object;

/// Maximum size of an object in bytes, both as stored and decoded. Larger objects are not read. The
/// sink's objects are less than half as large, because an event has at most 6 MB.
pub(crate) const MAX_OBJECT_BYTES: u64 = 32 << 20;

/// Reason that an object could not be decoded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TextError {
    #[error(
        "larger than any object that the sink writes, so the object was not read (limit: {MAX_OBJECT_BYTES} bytes)"
    )]
    TooLarge,
    #[error("the object was listed, but no longer exists")]
    Gone,
    #[error("truncated, or not compressed with the codec that the object's name indicates: {0}")]
    Codec(#[from] std::io::Error),
}

/// Returns an object's decoded text. `bytes` is `None` if the object does not exist, or is too large to be read.
pub(crate) fn text(object: &Object, bytes: Option<Bytes>) -> Result<Vec<u8>, TextError> {
    if object.size > MAX_OBJECT_BYTES {
        return Err(TextError::TooLarge);
    }
    let bytes = bytes.ok_or(TextError::Gone)?;
    let mut text = Vec::new();
    let mut reader = object.codec.reader(&bytes)?.take(MAX_OBJECT_BYTES + 1);
    reader.read_to_end(&mut text)?;
    if text.len() as u64 > MAX_OBJECT_BYTES {
        return Err(TextError::TooLarge);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use lake_store::Area;

    use super::*;
    use crate::objects::{Generations, Pass};

    #[test]
    fn object_over_the_limit_is_not_read() {
        let mut pass = Pass::new(None, 1, Generations::default());
        assert!(pass.add(Area::Data, "data/q/", "data/q/dt=2024-10-04/00000-00000000000000000000.json.gz", 1));
        let mut object = pass.finish().0.pop_first().unwrap();
        let bomb = Bytes::from(object.codec.encode(&vec![b' '; MAX_OBJECT_BYTES as usize + 1]).unwrap());
        assert!(bomb.len() < 1 << 20);
        let error = text(&object, Some(bomb)).unwrap_err().to_string();
        assert!(error.contains("larger than any"), "{error}");
        object.size = MAX_OBJECT_BYTES + 1;
        let error = text(&object, None).unwrap_err().to_string();
        assert!(error.contains("larger than any"), "{error}");
    }
}
