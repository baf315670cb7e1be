//! Lists the generations in the trash, and finds those that are only partly there.

use std::collections::{BTreeMap, BTreeSet};

use lake_format::keys::{TRASH, parse_trash_name};
use lake_store::{Lake, StoreError};

use super::journal::{Journal, State};

/// Returns the generations of a topic that are in the trash, completely or in part.
///
/// # Errors
/// If the lake's prefix or the topic cannot be part of a key, or the store fails to list the trash.
pub async fn generations_in_trash(lake: &Lake, topic: &str) -> Result<BTreeSet<u32>, StoreError> {
    let names = lake.folder_names(&format!("{TRASH}/{topic}")).await?;
    Ok(names.iter().filter_map(|name| parse_trash_name(name)).collect())
}

/// Returns the generations that are partly in the lake and partly in the trash, by topic, each with a description of
/// its state. A generation whose journal cannot be parsed is included.
pub(crate) async fn unfinished(lake: &Lake) -> Result<BTreeMap<String, BTreeMap<u32, String>>, StoreError> {
    let mut all = BTreeMap::<String, BTreeMap<u32, String>>::new();
    for topic in lake.folder_names(TRASH).await? {
        for generation in generations_in_trash(lake, &topic).await? {
            let Some(text) = lake.get(&format!("{}{}", lake.prefix, Journal::key(&topic, generation))).await? else {
                continue;
            };
            let state = match Journal::from_json(&text, &topic, generation).map(|journal| journal.state) {
                Ok(State::Dropped) => continue,
                Ok(State::Dropping) => "a drop has begun and is not complete".to_owned(),
                Ok(State::Restoring) => "a restore has begun and is not complete".to_owned(),
                Err(error) => error.to_string(),
            };
            all.entry(topic.clone()).or_default().insert(generation, state);
        }
    }
    Ok(all)
}
