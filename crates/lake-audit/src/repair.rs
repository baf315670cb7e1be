//! Rebuilds lost ledgers from the objects.

use std::collections::BTreeMap;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata};
use commit_protocol::Ledger;
use lake_format::keys::{KeyLayout, LineRules};
use lake_format::ledger;

use crate::finding::PartitionKey;
use crate::partition::LostLedger;

/// A rebuilt ledger that has not been written yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RebuiltLedger {
    pub key: String,
    pub ledger: Ledger,
}

/// Reason that a ledger cannot be rebuilt from the objects.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// An object could not be read completely, so not every stored offset is known.
    #[error("{partition}: the stored offsets cannot be determined because {key} is damaged; restore the object first")]
    Unreadable { partition: PartitionKey, key: String },
    /// The objects were written with sink settings that differ from the given settings.
    #[error(
        "{partition}: the sink's settings produce the key pattern {pattern}, which does not match the object {key}; set SINK_COMPRESSION, SINK_PARTITION_BY and SINK_PARTITION_FIELD to the function's values"
    )]
    OtherSettings {
        partition: PartitionKey,
        /// Key pattern that results from the given settings.
        pattern: String,
        /// Key of an object that does not match `pattern`.
        key: String,
    },
}

/// Reason that a rebuilt ledger was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The ledger already exists.
    #[error("{key} already exists and is not overwritten; stop the event source first")]
    Exists { key: String },
    /// The ledger could not be written.
    #[error("failed to write {key} to the bucket {bucket}: {}", DisplayErrorContext(&**source))]
    Put { key: String, bucket: String, source: Box<dyn std::error::Error + Send + Sync> },
}

/// Rebuilds a lost ledger. `settings` must match the sink's settings, except for two values that this function sets:
/// the generation, from `lost`, and the rules for lines, if another partition's ledger contains them.
///
/// # Errors
/// [`RebuildError`] if an object could not be read completely, or the objects do not match `settings`.
pub fn rebuild(lost: &LostLedger, settings: &KeyLayout) -> Result<RebuiltLedger, RebuildError> {
    let LostLedger { partition, next, gaps, patterns, rules, unreadable } = lost;
    if let Some(key) = unreadable {
        return Err(RebuildError::Unreadable { partition: partition.clone(), key: key.clone() });
    }
    let LineRules { field_names, metadata } = rules.unwrap_or(settings.line_rules());
    let layout = KeyLayout { generation: partition.generation, field_names, metadata, ..settings.clone() };
    let pattern = layout.pattern();
    let extension = pattern.rsplit('/').next();
    for (of_objects, key) in patterns {
        if *of_objects != pattern && extension != Some(of_objects) {
            return Err(RebuildError::OtherSettings { partition: partition.clone(), pattern, key: key.clone() });
        }
    }
    Ok(RebuiltLedger {
        key: layout.ledger_key(&partition.topic, partition.partition),
        ledger: Ledger {
            next: *next,
            high_watermarks: BTreeMap::new(),
            gaps: gaps.clone(),
            layout: layout.ledger_layout(),
        },
    })
}

/// Writes a rebuilt ledger. Never overwrites an existing ledger.
///
/// # Errors
/// [`WriteError`] if the ledger already exists or cannot be written.
pub async fn write(client: &Client, bucket: &str, rebuilt: &RebuiltLedger) -> Result<(), WriteError> {
    let key = &rebuilt.key;
    let body = ledger::to_json(&rebuilt.ledger);
    let put = client.put_object().bucket(bucket).key(key).if_none_match("*").body(body.into());
    match put.send().await {
        Ok(_) => Ok(()),
        Err(error) if matches!(error.code(), Some("PreconditionFailed" | "ConditionalRequestConflict")) => {
            Err(WriteError::Exists { key: key.clone() })
        }
        Err(error) => Err(WriteError::Put { key: key.clone(), bucket: bucket.to_owned(), source: error.into() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use embedded_s3::Storage;
    use lake_format::field_names::FieldNames;
    use lake_format::metadata::Metadata;
    use tempfile::TempDir;

    const BUCKET: &str = "lake";

    fn lost() -> LostLedger {
        let keys = ["dt=*/*.json.gz", "*.json.gz"].map(|pattern| (pattern.to_owned(), "k".to_owned()));
        LostLedger {
            partition: PartitionKey { topic: "q".to_owned(), generation: 2, partition: 3 },
            next: 100,
            gaps: vec![5..9, 20..30],
            patterns: BTreeMap::from(keys),
            rules: None,
            unreadable: None,
        }
    }

    #[test]
    fn ledger_is_rebuilt_with_the_sinks_settings() {
        let rebuilt = rebuild(&lost(), &KeyLayout::default()).unwrap();
        assert_eq!(rebuilt.key, "ledger/q/g2-00003.json");
        assert_eq!(rebuilt.ledger, Ledger { gaps: vec![5..9, 20..30], ..Ledger::starting_at(100, "dt=*/*.json.gz") });
    }

    #[test]
    fn other_ledgers_decide_the_rules_for_lines() {
        let layout = |lost: &LostLedger, settings| rebuild(lost, &settings).unwrap().ledger.layout;
        let metadata = Metadata { key: true, headers: true };
        let folded = KeyLayout { field_names: FieldNames::IgnoreCase, metadata, ..KeyLayout::default() };
        let text = folded.ledger_layout();
        assert_eq!(layout(&lost(), folded.clone()), text);
        let sibling = LostLedger { rules: Some(folded.line_rules()), ..lost() };
        assert_eq!(layout(&sibling, KeyLayout::default()), text);
        let sibling = LostLedger { rules: Some(LineRules::default()), ..lost() };
        assert_eq!(layout(&sibling, folded), "dt=*/*.json.gz");
    }

    #[tokio::test]
    async fn new_ledger_is_not_overwritten() {
        let folder = TempDir::new().unwrap();
        let client = Storage::open(folder.path(), BUCKET).unwrap().client();
        let mut rebuilt = rebuild(&lost(), &KeyLayout::default()).unwrap();
        write(&client, BUCKET, &rebuilt).await.unwrap();
        let written = rebuilt.ledger.clone();
        rebuilt.ledger.next = 7;
        let error = write(&client, BUCKET, &rebuilt).await.unwrap_err().to_string();
        assert!(error.starts_with("ledger/q/g2-00003.json already exists"), "{error}");
        let text = std::fs::read(folder.path().join(BUCKET).join(&rebuilt.key)).unwrap();
        assert_eq!(ledger::from_json(&text).unwrap(), written);
    }

    #[test]
    fn other_settings_prevent_a_rebuild() {
        let layout = KeyLayout { partition_field: Some("symbol".to_owned()), ..KeyLayout::default() };
        let error = rebuild(&lost(), &layout).unwrap_err().to_string();
        assert!(error.contains("dt=*/by_symbol=*/*.json.gz") && error.contains("SINK_PARTITION_FIELD"), "{error}");
    }

    #[test]
    fn unreadable_object_prevents_a_rebuild() {
        let error = rebuild(&LostLedger { unreadable: Some("x".to_owned()), ..lost() }, &KeyLayout::default())
            .unwrap_err()
            .to_string();
        assert!(error.contains("q/3 of generation 2: ") && error.contains('x'), "{error}");
    }
}
