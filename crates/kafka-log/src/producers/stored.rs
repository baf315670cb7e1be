//! The state of a partition's producers as a file. Each segment has one, with the state at its base offset, because the
//! batches before it may be deleted.
//!
//! ```text
//! CRC-32C u32 of the rest | format u8 = 1 | number of producers u32
//! | each: id i64 | epoch i16 | coordinator epoch i32 | last timestamp i64 | start of the open transaction i64, or -1
//! |       number of batches u8
//! |       | each: first sequence i32 | last sequence i32 | base offset i64 | last offset i64 | timestamp i64
//! ```

use std::collections::{BTreeSet, HashMap};

use bytes::{Buf, BufMut, TryGetError};

use super::{Producer, Producers, REMEMBERED_BATCHES, StoredBatch};

const FORMAT: u8 = 1;

/// Why a file does not describe producers.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidProducers {
    #[error("the file ends early")]
    Truncated(#[from] TryGetError),
    #[error("the CRC does not match")]
    Crc,
    #[error("unknown format {0}")]
    Format(u8),
}

impl Producers {
    pub(crate) fn is_empty(&self) -> bool {
        self.producers.is_empty()
    }

    /// Encodes the producers. Verifications are left out: a restart ends them.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut content = vec![0; 4];
        content.put_u8(FORMAT);
        content.put_u32(self.producers.len() as u32);
        for (&id, producer) in &self.producers {
            content.put_i64(id);
            content.put_i16(producer.epoch);
            content.put_i32(producer.coordinator_epoch);
            content.put_i64(producer.last_timestamp);
            content.put_i64(producer.open_transaction_start.unwrap_or(-1));
            content.put_u8(producer.batches.len() as u8);
            for batch in &producer.batches {
                content.put_i32(batch.first_sequence);
                content.put_i32(batch.last_sequence);
                content.put_i64(batch.base_offset);
                content.put_i64(batch.last_offset);
                content.put_i64(batch.timestamp);
            }
        }
        let crc = crc32c::crc32c(&content[4..]);
        content[..4].copy_from_slice(&crc.to_be_bytes());
        content
    }

    /// Decodes what [`encode`](Self::encode) has written.
    pub(crate) fn decode(mut content: &[u8]) -> Result<Producers, InvalidProducers> {
        if content.try_get_u32()? != crc32c::crc32c(content) {
            return Err(InvalidProducers::Crc);
        }
        match content.try_get_u8()? {
            FORMAT => {}
            format => return Err(InvalidProducers::Format(format)),
        }
        let mut producers = HashMap::new();
        for _ in 0..content.try_get_u32()? {
            let (id, producer) = decode_producer(&mut content)?;
            producers.insert(id, producer);
        }
        let open = producers.values().filter_map(|producer| producer.open_transaction_start);
        let open_transactions: BTreeSet<i64> = open.collect();
        Ok(Producers { producers, open_transactions, ..Producers::default() })
    }
}

fn decode_producer(content: &mut &[u8]) -> Result<(i64, Producer), TryGetError> {
    let id = content.try_get_i64()?;
    let mut producer = Producer::new(content.try_get_i16()?);
    producer.coordinator_epoch = content.try_get_i32()?;
    producer.last_timestamp = content.try_get_i64()?;
    producer.open_transaction_start = Some(content.try_get_i64()?).filter(|&start| start >= 0);
    for _ in 0..content.try_get_u8()? {
        let batch = StoredBatch {
            first_sequence: content.try_get_i32()?,
            last_sequence: content.try_get_i32()?,
            base_offset: content.try_get_i64()?,
            last_offset: content.try_get_i64()?,
            timestamp: content.try_get_i64()?,
        };
        if producer.batches.len() == REMEMBERED_BATCHES {
            producer.batches.pop_front();
        }
        producer.batches.push_back(batch);
    }
    Ok((id, producer))
}

#[cfg(test)]
mod tests {
    use super::super::tests::batch;
    use super::*;

    fn stored() -> Producers {
        let mut producers = Producers::default();
        for n in 0..7 {
            producers.add(&batch(3, n * 10, i64::from(n) * 10, 10), Some(5));
        }
        let transactional = crate::batch::BatchHeader { producer_id: 2, attributes: 1 << 4, ..batch(0, 0, 70, 1) };
        producers.add(&transactional, None);
        producers
    }

    #[test]
    fn decoded_producers_are_the_encoded_ones() {
        let decoded = Producers::decode(&stored().encode()).unwrap();
        assert_eq!(decoded.snapshots(), stored().snapshots());
        assert_eq!(decoded.first_open_offset(), Some(70));
        assert_eq!(decoded.validate(&batch(3, 30, 0, 10)).unwrap().unwrap().base_offset, 30);
    }

    #[test]
    fn damaged_file_is_recognised() {
        let content = stored().encode();
        for length in 0..content.len() {
            assert!(Producers::decode(&content[..length]).is_err(), "{length}");
        }
        for position in 0..content.len() {
            let mut damaged = content.clone();
            damaged[position] ^= 0x10;
            assert!(Producers::decode(&damaged).is_err(), "{position}");
        }
    }
}
