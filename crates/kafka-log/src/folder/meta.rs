//! The file `meta.json`.

use std::path::Path;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::FolderError;
use crate::files::{read_if_exists, replace};

const FILE: &str = "meta.json";
const FORMAT: u32 = 1;
/// Number of producer ids that one write of the file reserves. After the last one, the file is written again.
const PRODUCER_ID_BLOCK: i64 = 1_000;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Meta {
    format: u32,
    cluster_id: String,
    /// Producer ids below this one may have been returned.
    reserved_producer_ids: i64,
}

/// The field that every version of the file has.
#[derive(Deserialize)]
struct Format {
    format: u32,
}

impl Meta {
    pub(super) fn new() -> Meta {
        Meta { format: FORMAT, cluster_id: base64(Uuid::new_v4().as_bytes()), reserved_producer_ids: 1 }
    }

    pub(super) fn load_or_create(folder: &Path) -> Result<Meta, FolderError> {
        let path = folder.join(FILE);
        let Some(content) = read_if_exists(&path)? else {
            let meta = Meta::new();
            meta.save(folder)?;
            return Ok(meta);
        };
        let invalid = |source| FolderError::InvalidJson { path: path.clone(), source };
        let Format { format: version } = serde_json::from_slice(&content).map_err(invalid)?;
        if version > FORMAT {
            return Err(FolderError::NewerFormat { path, version, supported: FORMAT });
        }
        serde_json::from_slice(&content).map_err(invalid)
    }

    pub(super) fn save(&self, folder: &Path) -> Result<(), FolderError> {
        let path = folder.join(FILE);
        let json = serde_json::to_vec_pretty(self);
        let json = json.map_err(|source| FolderError::InvalidJson { path: path.clone(), source })?;
        Ok(replace(&path, &json)?)
    }

    pub(super) fn cluster_id(&self) -> &str {
        &self.cluster_id
    }

    pub(super) fn reserved_producer_ids(&self) -> i64 {
        self.reserved_producer_ids
    }

    pub(super) fn with_more_producer_ids(&self) -> Meta {
        Meta { reserved_producer_ids: self.reserved_producer_ids + PRODUCER_ID_BLOCK, ..self.clone() }
    }
}

/// Encodes as URL-safe base64 without padding.
fn base64(bytes: &[u8; 16]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    // 22 digits of six bits have room for 132 bits, so four zero bits follow the 128 bits.
    let bits = u128::from_be_bytes(*bytes);
    let digit = |n: u32| match n {
        21 => (bits << 4) & 63,
        _ => (bits >> (122 - 6 * n)) & 63,
    };
    (0..22).map(|n| char::from(ALPHABET[digit(n) as usize])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_url_safe_without_padding() {
        assert_eq!(base64(&[0; 16]), "AAAAAAAAAAAAAAAAAAAAAA");
        assert_eq!(base64(&[0xff; 16]), "_____________________w");
        let counting: [u8; 16] = std::array::from_fn(|n| n as u8);
        assert_eq!(base64(&counting), "AAECAwQFBgcICQoLDA0ODw");
    }
}
