//! Topics of a consumer's subscription: the only part of a member's metadata that the coordinator reads.

use std::collections::BTreeSet;

/// Protocol type of Kafka's consumers. Other types, such as `connect`, have metadata of another format.
pub(super) const CONSUMER: &str = "consumer";

/// Reads the topics from a `ConsumerProtocolSubscription`. All versions of it begin with these fields:
///
/// ```text
///   version: i16 | number of topics: i32 | for each topic, length: i16 and UTF-8 | ...
/// ```
///
/// Returns `None` if the metadata has another format.
pub(super) fn topics(metadata: &[u8]) -> Option<BTreeSet<String>> {
    let (version, mut rest) = metadata.split_first_chunk().map(|(bytes, rest)| (i16::from_be_bytes(*bytes), rest))?;
    if version < 0 {
        return None;
    }
    let count = take_i32(&mut rest)?;
    let mut topics = BTreeSet::new();
    for _ in 0..u32::try_from(count).ok()? {
        let length = usize::try_from(take_i16(&mut rest)?).ok()?;
        let (topic, after) = rest.split_at_checked(length)?;
        topics.insert(std::str::from_utf8(topic).ok()?.to_owned());
        rest = after;
    }
    Some(topics)
}

fn take_i16(bytes: &mut &[u8]) -> Option<i16> {
    let (number, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(i16::from_be_bytes(*number))
}

fn take_i32(bytes: &mut &[u8]) -> Option<i32> {
    let (number, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(i32::from_be_bytes(*number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_read_and_later_fields_ignored() {
        let metadata = b"\0\x03\0\0\0\x02\0\x06quotes\0\x01a\xff\xff\xff\xff\0\0";
        assert_eq!(topics(metadata), Some(BTreeSet::from(["quotes".to_owned(), "a".to_owned()])));
    }

    #[test]
    fn metadata_that_ends_early_has_no_topics() {
        assert_eq!(topics(b""), None);
        assert_eq!(topics(b"\0\0\x7f\xff\xff\xff"), None);
        assert_eq!(topics(b"\0\0\0\0\0\x01\0\x06quo"), None);
    }

    #[test]
    fn negative_counts_are_rejected() {
        assert_eq!(topics(b"\0\0\xff\xff\xff\xff"), None);
        assert_eq!(topics(b"\xff\xff\0\0\0\0"), None);
        assert_eq!(topics(b"\0\0\0\0\0\x01\xff\xff"), None);
    }
}
