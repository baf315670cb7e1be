//! Ledgers made anew from what the objects hold.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use commit_protocol::Ledger;
use lake_format::keys::KeyLayout;
use lake_format::ledger;

use crate::partition::Lost;

/// A ledger that is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rebuilt {
    /// Where.
    pub key: String,
    /// What.
    pub ledger: Ledger,
}

/// The ledger of a partition that has lost its own, with the settings that the sink would have.
///
/// # Errors
/// When the objects do not tell it, in words for a user.
pub fn rebuilt(lost: &Lost, settings: &KeyLayout) -> Result<Rebuilt, String> {
    let Lost { place, next, gaps, patterns, unreadable } = lost;
    if let Some(key) = unreadable {
        return Err(format!("{place}: which offsets are stored is not known while {key} is as it is: mend it first"));
    }
    let layout = KeyLayout { generation: place.generation, ..settings.clone() };
    let pattern = layout.pattern();
    let extension = pattern.rsplit('/').next();
    for (theirs, key) in patterns {
        if *theirs != pattern && extension != Some(theirs) {
            return Err(format!(
                "{place}: the sink's settings make keys like {pattern}, and there is {key}: \
                 set SINK_COMPRESSION, SINK_PARTITION_BY and SINK_PARTITION_FIELD as the function has them"
            ));
        }
    }
    Ok(Rebuilt {
        key: layout.ledger_key(&place.topic, place.partition),
        ledger: Ledger { next: *next, high_watermarks: BTreeMap::new(), gaps: gaps.clone(), layout: pattern },
    })
}

/// Writes a ledger where there is none.
///
/// # Errors
/// When there is one by now, or it cannot be written.
pub async fn write(client: &Client, bucket: &str, rebuilt: &Rebuilt) -> anyhow::Result<()> {
    let key = &rebuilt.key;
    let body = ledger::to_json(&rebuilt.ledger);
    let put = client.put_object().bucket(bucket).key(key).if_none_match("*").body(body.into());
    match put.send().await {
        Ok(_) => Ok(()),
        Err(error) if matches!(error.code(), Some("PreconditionFailed" | "ConditionalRequestConflict")) => {
            bail!("{key}: there is a ledger by now, which is not overwritten: is the mapping stopped?")
        }
        Err(error) => Err(error).with_context(|| format!("{key} cannot be written to {bucket}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Place;
    use embedded::s3::Storage;
    use lake_format::codec::Codec;
    use lake_format::keys::PartitionBy;
    use tempfile::TempDir;

    const BUCKET: &str = "lake";

    fn settings() -> KeyLayout {
        KeyLayout {
            prefix: String::new(),
            codec: Codec::Gzip,
            partition_by: PartitionBy::Day,
            partition_field: None,
            generation: 0,
        }
    }

    fn lost() -> Lost {
        let keys = ["dt=*/*.json.gz", "*.json.gz"].map(|pattern| (pattern.to_owned(), "k".to_owned()));
        Lost {
            place: Place { topic: "q".to_owned(), generation: 2, partition: 3 },
            next: 100,
            gaps: vec![5..9, 20..30],
            patterns: BTreeMap::from(keys),
            unreadable: None,
        }
    }

    #[test]
    fn a_ledger_is_rebuilt_with_the_settings_of_the_sink() {
        let rebuilt = rebuilt(&lost(), &settings()).unwrap();
        assert_eq!(rebuilt.key, "ledger/q/g2-00003.json");
        assert_eq!(rebuilt.ledger, Ledger { gaps: vec![5..9, 20..30], ..Ledger::starting_at(100, "dt=*/*.json.gz") });
    }

    #[tokio::test]
    async fn a_ledger_that_has_come_into_being_meanwhile_is_not_overwritten() {
        let folder = TempDir::new().unwrap();
        let client = Storage::open(folder.path(), BUCKET).unwrap().client();
        let mut rebuilt = rebuilt(&lost(), &settings()).unwrap();
        write(&client, BUCKET, &rebuilt).await.unwrap();
        let written = rebuilt.ledger.clone();
        rebuilt.ledger.next = 7;
        let refused = write(&client, BUCKET, &rebuilt).await.unwrap_err().to_string();
        assert!(refused.starts_with("ledger/q/g2-00003.json: there is a ledger by now"), "{refused}");
        let text = std::fs::read(folder.path().join(BUCKET).join(&rebuilt.key)).unwrap();
        assert_eq!(ledger::from_json(&text).unwrap(), written);
    }

    #[test]
    fn none_is_made_of_objects_that_other_settings_made_or_that_cannot_be_read() {
        let mut config = settings();
        config.partition_field = Some("symbol".to_owned());
        let refused = rebuilt(&lost(), &config).unwrap_err();
        assert!(
            refused.contains("dt=*/by_symbol=*/*.json.gz") && refused.contains("SINK_PARTITION_FIELD"),
            "{refused}"
        );
        let refused = rebuilt(&Lost { unreadable: Some("x".to_owned()), ..lost() }, &settings()).unwrap_err();
        assert!(refused.contains("q/3 of generation 2: ") && refused.contains("x"), "{refused}");
    }
}
