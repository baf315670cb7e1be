//! A ledger as it is stored: `{"next":42,"ahead":{"data/quotes/dt=2026-11-21/":47},"gaps":[[10,20]],"layout":"..."}`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use commit_protocol::Ledger;

/// A text that is no ledger.
#[derive(Debug, thiserror::Error)]
#[error("not a ledger: {0}")]
pub struct LedgerError(String);

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    next: i64,
    #[serde(rename = "ahead")]
    high_watermarks: BTreeMap<String, i64>,
    gaps: Vec<(i64, i64)>,
    layout: String,
}

/// Reads a stored ledger.
///
/// # Errors
/// [`LedgerError`]; what another version has written and this one does not know is refused, too.
pub fn from_json(text: &[u8]) -> Result<Ledger, LedgerError> {
    let Stored { next, high_watermarks, gaps, layout } =
        serde_json::from_slice(text).map_err(|error| LedgerError(error.to_string()))?;
    let in_order = gaps.iter().all(|(start, end)| start < end) && gaps.windows(2).all(|pair| pair[0].1 < pair[1].0);
    if !in_order {
        return Err(LedgerError("its gaps overlap or are out of order".to_owned()));
    }
    Ok(Ledger { next, high_watermarks, gaps: gaps.into_iter().map(|(start, end)| start..end).collect(), layout })
}

/// The ledger's text.
pub fn to_json(ledger: &Ledger) -> Vec<u8> {
    let Ledger { next, high_watermarks, gaps, layout } = ledger.clone();
    let stored =
        Stored { next, high_watermarks, gaps: gaps.into_iter().map(|gap| (gap.start, gap.end)).collect(), layout };
    // Writing these types into memory does not fail.
    serde_json::to_vec(&stored).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_looks_as_documented() {
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
    fn what_is_no_ledger_is_refused() {
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
