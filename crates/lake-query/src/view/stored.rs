//! The stored form of a view, the object `views/<name>.json`:
//! `{"version":1,"from":"demo_test","map":{"symbol":"index","trade_date":"date"}}`.

use std::collections::BTreeMap;

use lake_store::{Lake, StoreError};
use serde::{Deserialize, Serialize};

use super::map::{ColumnMap, ParseMapError};
use super::{NamedView, View};

/// First part of the keys of definitions, after the lake's prefix.
const FOLDER: &str = "views";

const VERSION: u32 = 1;

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    from: String,
    map: BTreeMap<String, String>,
}

/// Reason that the definition of a view could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum DefinitionError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The object is not JSON with exactly the fields of a view.
    #[error("{key} is not the definition of a view; remove it with `tickerlake view {name} --remove`")]
    Json { key: String, name: String, source: serde_json::Error },
    /// A later version of the program has written the object.
    #[error("{key} has version {version}, but this program reads version {VERSION}; use a newer version of tickerlake")]
    Version { key: String, version: u32 },
    /// The map has a column that a quote does not have, or maps a column twice.
    #[error("{key} is not the definition of a view; remove it with `tickerlake view {name} --remove`")]
    Map { key: String, name: String, source: ParseMapError },
}

/// Returns the views of a lake, sorted by name.
///
/// # Errors
/// If the lake cannot be listed or read, or a definition is invalid.
pub async fn list(lake: &Lake) -> Result<Vec<NamedView>, DefinitionError> {
    let mut keys = Vec::new();
    let visit = |key: &str, _| {
        let name = key.rsplit('/').next().and_then(|file| file.strip_suffix(".json"));
        // Skips objects in subfolders, which no version writes.
        if let Some(name) = name.filter(|name| key == full_key(lake, name)) {
            keys.push((name.to_owned(), key.to_owned()));
        }
    };
    lake.for_each_object(FOLDER, visit).await?;
    keys.sort();
    let mut views = Vec::new();
    for (name, key) in keys {
        if let Some(bytes) = lake.get(&key).await? {
            let view = parse(&name, &key, &bytes)?;
            views.push(NamedView { name, view });
        }
    }
    Ok(views)
}

/// Writes the definition of a view. Replaces an existing view of the same name.
///
/// # Errors
/// If the store fails to write the object.
pub async fn save(lake: &Lake, name: &str, view: &View) -> Result<(), StoreError> {
    lake.overwrite(&full_key(lake, name), format(view).into()).await
}

/// Removes the definition of a view. Returns `false` if it did not exist.
///
/// # Errors
/// If the store fails to read or remove the object.
pub async fn remove(lake: &Lake, name: &str) -> Result<bool, StoreError> {
    let key = full_key(lake, name);
    let exists = lake.get(&key).await?.is_some();
    lake.delete(&key).await?;
    Ok(exists)
}

/// Returns the key of a view's definition, below the lake's prefix.
pub fn key_of(name: &str) -> String {
    format!("{FOLDER}/{name}.json")
}

fn full_key(lake: &Lake, name: &str) -> String {
    format!("{}{}", lake.prefix, key_of(name))
}

fn format(view: &View) -> Vec<u8> {
    let map = view.map.iter().map(|(column, source)| (column.to_owned(), source.to_owned()));
    let stored = Stored { version: VERSION, from: view.from.clone(), map: map.collect() };
    // Serializing these types to memory cannot fail.
    let mut text = serde_json::to_vec(&stored).unwrap_or_default();
    text.push(b'\n');
    text
}

fn parse(name: &str, key: &str, bytes: &[u8]) -> Result<View, DefinitionError> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }

    let json = |source| DefinitionError::Json { key: key.to_owned(), name: name.to_owned(), source };
    let Versioned { version } = serde_json::from_slice(bytes).map_err(json)?;
    if version != VERSION {
        return Err(DefinitionError::Version { key: key.to_owned(), version });
    }
    let Stored { from, map: pairs, .. } = serde_json::from_slice(bytes).map_err(json)?;
    let mut map = ColumnMap::default();
    for (column, source) in pairs {
        let inserted = map.insert(&column, &source);
        inserted.map_err(|source| DefinitionError::Map { key: key.to_owned(), name: name.to_owned(), source })?;
    }
    Ok(View { from, map })
}

#[cfg(test)]
mod tests {
    use super::*;
    use lake_store::testing::Store;

    fn view() -> View {
        View { from: "demo_test".to_owned(), map: "trade_date=Date,symbol=Index".parse().unwrap() }
    }

    #[tokio::test]
    async fn definition_round_trips_in_the_documented_form() {
        let store = Store::new();
        for lake in [store.lake(""), store.lake("raw/")] {
            assert!(list(&lake).await.unwrap().is_empty() && !remove(&lake, "quotes").await.unwrap());
            save(&lake, "quotes", &view()).await.unwrap();
            assert_eq!(list(&lake).await.unwrap(), [NamedView { name: "quotes".to_owned(), view: view() }]);
            assert!(remove(&lake, "quotes").await.unwrap() && list(&lake).await.unwrap().is_empty());
        }
        let text = r#"{"version":1,"from":"demo_test","map":{"symbol":"index","trade_date":"date"}}"#;
        assert_eq!(String::from_utf8(format(&view())).unwrap(), format!("{text}\n"));
    }

    #[tokio::test]
    async fn invalid_definition_names_its_key() {
        for (text, part) in [
            ("", "--remove"),
            (r#"{"version":1,"from":"a"}"#, "--remove"),
            (r#"{"version":1,"from":"a","map":{},"more":1}"#, "--remove"),
            (r#"{"version":1,"from":"a","map":{"price":"b"}}"#, "--remove"),
            (r#"{"version":2,"from":"a","filter":"x"}"#, "version 2"),
        ] {
            let store = Store::new();
            store.put("views/v.json", text).await;
            let error = list(&store.lake("")).await.unwrap_err().to_string();
            assert!(error.starts_with("views/v.json ") && error.contains(part), "{error}");
        }
    }
}
