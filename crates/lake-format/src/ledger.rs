//! The stored form of a ledger:
//! `{"next":42,"ahead":{"data/quotes/dt=2026-11-21/":47},"gaps":[[10,20]],"layout":"..."}`.
//!
//! The field `ahead` contains the high watermarks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use commit_protocol::Ledger;

/// Error returned when an object is not a valid ledger.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The object is not JSON with exactly the fields of a ledger.
    #[error("not a ledger: {0}")]
    Json(#[from] serde_json::Error),
    /// A gap is empty, or two gaps overlap, touch or are out of order.
    #[error("not a ledger: a gap is empty, or two gaps overlap, touch or are out of order")]
    Gaps,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    next: i64,
    #[serde(rename = "ahead")]
    high_watermarks: BTreeMap<String, i64>,
    gaps: Vec<(i64, i64)>,
    layout: String,
}

/// Parses a stored ledger.
///
/// # Errors
/// [`LedgerError`] if `text` is not a valid ledger. An unknown field is an error as well, because a different version
/// may have written the ledger.
pub fn from_json(text: &[u8]) -> Result<Ledger, LedgerError> {
    let Stored { next, high_watermarks, gaps, layout } = serde_json::from_slice(text)?;
    let in_order = gaps.iter().all(|(start, end)| start < end) && gaps.windows(2).all(|pair| pair[0].1 < pair[1].0);
    if !in_order {
        return Err(LedgerError::Gaps);
    }
    Ok(Ledger { next, high_watermarks, gaps: gaps.into_iter().map(|(start, end)| start..end).collect(), layout })
}

/// Formats a ledger in its stored form.
pub fn to_json(ledger: &Ledger) -> Vec<u8> {
    let Ledger { next, high_watermarks, gaps, layout } = ledger.clone();
    let stored =
        Stored { next, high_watermarks, gaps: gaps.into_iter().map(|gap| (gap.start, gap.end)).collect(), layout };
    // Serializing these types to memory cannot fail.
    serde_json::to_vec(&stored).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ledger_round_trips_in_the_documented_form() {
        let high_watermarks = BTreeMap::from([("data/quotes/dt=2026-11-21/".to_owned(), 47)]);
        let ledger =
            Ledger { next: 42, high_watermarks, gaps: vec![1..2, 10..20], layout: "dt=*/*.json.gz".to_owned() };
        let text = to_json(&ledger);
        assert_eq!(
            String::from_utf8_lossy(&text),
            r#"{"next":42,"ahead":{"data/quotes/dt=2026-11-21/":47},"gaps":[[1,2],[10,20]],"layout":"dt=*/*.json.gz"}"#
        );
        assert_eq!(from_json(&text).unwrap(), ledger);
    }

    #[test]
    fn invalid_ledger_is_rejected() {
        for text in [
            "",
            "{}",
            r#"{"next":1,"ahead":{},"gaps":[[2,2]],"layout":""}"#,
            r#"{"next":1,"ahead":{},"gaps":[[2,4],[4,5]],"layout":""}"#,
            r#"{"next":1,"ahead":{},"gaps":[],"layout":"","more":1}"#,
        ] {
            assert!(from_json(text.as_bytes()).is_err(), "{text}");
        }
    }
}
