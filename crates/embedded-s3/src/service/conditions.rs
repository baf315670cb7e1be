//! The conditions of requests: `If-Match`, `If-None-Match`, `If-Modified-Since` and `If-Unmodified-Since`.

use s3s::dto::{ETagCondition, Timestamp, TimestampFormat};
use s3s::{S3Error, S3ErrorCode, S3Result};

use super::errors::error;
use crate::objects::{Condition, Found};

/// Returns the condition of a write.
pub(super) fn condition(if_match: Option<ETagCondition>, if_none_match: Option<ETagCondition>) -> S3Result<Condition> {
    match (if_match, if_none_match) {
        (None, None) => Ok(Condition::None),
        (None, Some(ETagCondition::Any)) => Ok(Condition::Absent),
        (Some(ETagCondition::Any), None) => Ok(Condition::Exists),
        (Some(ETagCondition::ETag(e_tag)), None) => Ok(Condition::ETag(e_tag.into_value())),
        _ => Err(S3Error::with_message(
            S3ErrorCode::NotImplemented,
            "A write can have If-None-Match: * or If-Match, but not both.",
        )),
    }
}

/// Checks the conditions of a read or of the source of a copy.
pub(super) fn check_read(
    found: &Found,
    (if_match, if_none_match): (Option<&ETagCondition>, Option<&ETagCondition>),
    (if_modified, if_unmodified): (Option<&Timestamp>, Option<&Timestamp>),
    is_read: bool,
) -> S3Result<()> {
    let matches = |condition: &ETagCondition| match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(e_tag) => e_tag.value() == found.e_tag,
    };
    // A header has the time in seconds.
    let is_newer = |time: &Timestamp| seconds(&found.modified.into()) > seconds(time);
    let failed = match (if_match, if_unmodified) {
        (Some(condition), _) => !matches(condition),
        (None, Some(time)) => is_newer(time),
        (None, None) => false,
    };
    let is_unchanged = match (if_none_match, if_modified) {
        (Some(condition), _) => matches(condition),
        (None, Some(time)) => !is_newer(time),
        (None, None) => false,
    };
    if failed || (is_unchanged && !is_read) {
        Err(error(S3ErrorCode::PreconditionFailed))
    } else if is_unchanged {
        Err(error(S3ErrorCode::NotModified))
    } else {
        Ok(())
    }
}

/// Returns the number of whole seconds from 1970 to a time.
fn seconds(timestamp: &Timestamp) -> Option<u64> {
    let mut text = Vec::new();
    timestamp.format(TimestampFormat::EpochSeconds, &mut text).ok()?;
    String::from_utf8(text).ok()?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn times_are_compared_in_seconds() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_900);
        assert_eq!(seconds(&Timestamp::from(time)), Some(1_700_000_000));
    }
}
