//! An object's text, in bounded memory. Pure.

use std::io::Read;

use bytes::Bytes;

use crate::objects::Object;

/// Bytes of an object, as stored and as text. What the sink makes of the largest event, of 6 MB, is less than half.
pub(crate) const LARGEST: u64 = 32 << 20;

/// An object's text, or why there is none.
pub(crate) fn text(object: &Object, bytes: Option<Bytes>) -> Result<Vec<u8>, String> {
    let limit = || format!("it is larger than any that the sink writes ({LARGEST} bytes), and was not read");
    if object.size > LARGEST {
        return Err(limit());
    }
    let bytes = bytes.ok_or("it was listed, and is gone")?;
    let unreadable = |error: std::io::Error| format!("cut short, or not what its name says: {error}");
    let mut text = Vec::new();
    let mut reader = object.codec.reader(&bytes).map_err(unreadable)?.take(LARGEST + 1);
    reader.read_to_end(&mut text).map_err(unreadable)?;
    if text.len() as u64 > LARGEST {
        return Err(limit());
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::Pass;
    use lake_store::Area;

    #[test]
    fn what_is_too_large_for_the_sink_is_not_held_in_memory() {
        let mut pass = Pass::new(None, 1, None);
        assert!(pass.see(Area::Data, "data/q/", "data/q/dt=2024-10-04/00000-00000000000000000000.json.gz", 1));
        let mut object = pass.end().0.pop_first().unwrap();
        let bomb = Bytes::from(object.codec.encode(&vec![b' '; LARGEST as usize + 1]).unwrap());
        assert!(bomb.len() < 1 << 20);
        let told = text(&object, Some(bomb)).unwrap_err();
        assert!(told.contains("larger than any"), "{told}");
        object.size = LARGEST + 1;
        let told = text(&object, None).unwrap_err();
        assert!(told.contains("larger than any"), "{told}");
    }
}
