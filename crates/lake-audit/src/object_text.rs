//! Decodes an object in bounded memory.

use std::io::Read;

use bytes::Bytes;

use crate::objects::Object;

/// Largest object that is read, in bytes, both as stored and as text. The largest event has 6 MB, and the sink's object
/// for it is less than half of this limit.
pub(crate) const MAX_OBJECT_BYTES: u64 = 32 << 20;

/// Why an object has no text.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TextError {
    #[error("larger than any object that the sink writes ({MAX_OBJECT_BYTES} bytes), so it was not read")]
    TooLarge,
    #[error("it was listed, but does not exist any more")]
    Gone,
    #[error("truncated, or not what its name says: {0}")]
    Codec(#[from] std::io::Error),
}

/// Returns an object's text. `bytes` is `None` if the object does not exist.
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
    use crate::objects::Pass;

    #[test]
    fn object_over_the_limit_is_not_read() {
        let mut pass = Pass::new(None, 1, None);
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
