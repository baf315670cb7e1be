//! Checks a view against the lake before it is saved.

use lake_store::{Area, Lake, StoreError};

use super::View;
use crate::columns::Kind;
use crate::infer;
use crate::names::QUARANTINE;
use crate::saved;

/// A column of a topic, for the error about an unknown column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceColumn {
    pub name: String,
    /// Name of the column's type, such as `double`.
    pub type_name: &'static str,
}

/// Reason that a view cannot be saved.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The name would need quotation marks in SQL, or every session already has a table or view of this name, other
    /// than `quotes`.
    #[error(
        "`{0}` cannot be the name of a view; use only lower-case letters, digits and underscores, do not begin with a digit, and do not use a reserved name such as quarantine or daily"
    )]
    Name(String),
    /// The lake has no topic of this name.
    #[error("the lake has no topic {topic} with valid records; {}", known_topics(topics))]
    NoTopic { topic: String, topics: Vec<String> },
    /// The lake has a topic with the view's name, which the view would hide.
    #[error(
        "the lake has a topic {name} with records, which a view of that name would hide; use another name, such as {name}_mapped, and read it with `tickerlake query --topic {name}_mapped`"
    )]
    TopicExists { name: String },
    /// The topic does not have a column that the view maps.
    #[error("the topic {topic} has no column `{column}` for {target}; its columns are {}", listed(columns))]
    NoColumn { topic: String, column: String, target: String, columns: Vec<SourceColumn> },
    /// The column that is mapped to `trade_date` has a type whose values are never dates.
    #[error(
        "column `{column}` of topic {topic} has type {found}, which cannot contain dates; map trade_date to a text column with values such as 1986-12-31 or 1986-12-31 00:00:00+08:00"
    )]
    NotDates { topic: String, column: String, found: &'static str },
}

fn known_topics(topics: &[String]) -> String {
    match topics {
        [] => "no topic has valid records".to_owned(),
        topics => format!("its topics are {}", topics.join(", ")),
    }
}

fn listed(columns: &[SourceColumn]) -> String {
    let each = columns.iter().map(|SourceColumn { name, type_name }| format!("`{name}` ({type_name})"));
    each.collect::<Vec<_>>().join(", ")
}

/// Checks that a view can be saved: that its name is valid and not in use by a topic, and that the topic has the
/// columns that the view maps.
///
/// # Errors
/// [`CheckError`] for the first problem.
pub async fn check(lake: &Lake, name: &str, view: &View) -> Result<(), CheckError> {
    let is_name = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if !is_name || is_reserved(name) {
        return Err(CheckError::Name(name.to_owned()));
    }
    let topic = &view.from;
    let topics = lake.topics(Area::Data).await?;
    if !topics.contains(topic) {
        return Err(CheckError::NoTopic { topic: topic.clone(), topics });
    }
    if topics.iter().any(|topic| topic == name) {
        return Err(CheckError::TopicExists { name: name.to_owned() });
    }
    let inferred = infer::columns(lake, topic, infer::DEFAULT_SAMPLES).await?;
    let partitions = inferred.partitions.iter().map(|name| (name.clone(), Kind::String));
    let known: Vec<_> = inferred.fields.into_iter().chain(partitions).collect();
    for (target, column) in view.map.iter() {
        let Some((_, kind)) = known.iter().find(|(name, _)| name == column) else {
            let columns = known
                .iter()
                .map(|(name, kind)| SourceColumn { name: name.clone(), type_name: kind.column_type().name() });
            return Err(CheckError::NoColumn {
                topic: topic.clone(),
                column: column.to_owned(),
                target: target.to_owned(),
                columns: columns.collect(),
            });
        };
        if target == "trade_date"
            && matches!(kind, Kind::Double | Kind::Int | Kind::BigInt | Kind::Integer | Kind::Boolean)
        {
            let found = kind.column_type().name();
            return Err(CheckError::NotDates { topic: topic.clone(), column: column.to_owned(), found });
        }
    }
    Ok(())
}

/// Returns `true` for the names of the tables and views that every session has, except `quotes`.
fn is_reserved(name: &str) -> bool {
    let views = saved::views().iter().filter_map(|view| view.name.strip_prefix("views/"));
    name == QUARANTINE || views.into_iter().any(|view| view == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lake_store::testing::Store;

    async fn error(name: &str, from: &str, map: &str) -> Option<String> {
        let store = Store::new();
        let line = r#"{"kafka_offset":0,"Index":"HSI","Date":"1986-12-31","Adj Close":1.5,"Day":19861231}"#;
        store.put("data/demo_test/dt=2026-02-01/00000-0.json", line).await;
        store.put("data/other/dt=2026-02-01/00000-0.json", "{}").await;
        let view = View { from: from.to_owned(), map: map.parse().unwrap() };
        check(&store.lake(""), name, &view).await.err().map(|error| error.to_string())
    }

    #[tokio::test]
    async fn columns_are_found_ignoring_case() {
        assert_eq!(error("quotes", "demo_test", "symbol=INDEX,adj_close=Adj Close,series=dt").await, None);
        assert_eq!(error("eu_2", "demo_test", "").await, None);
    }

    #[tokio::test]
    async fn error_lists_what_there_is() {
        for (name, from, map, parts) in [
            ("quotes", "demo", "", vec!["no topic demo", "its topics are demo_test, other"]),
            ("other", "demo_test", "", vec!["a topic other with records", "other_mapped"]),
            (
                "quotes",
                "demo_test",
                "symbol=Ticker",
                vec!["no column `ticker` for symbol", "`index` (string)", "`adj close` (double)", "`dt` (string)"],
            ),
            ("quotes", "demo_test", "trade_date=Day", vec!["`day`", "type bigint", "1986-12-31"]),
            ("daily", "demo_test", "", vec!["`daily` cannot be the name"]),
            ("quarantine", "demo_test", "", vec!["cannot be the name"]),
            ("My-View", "demo_test", "", vec!["cannot be the name"]),
            ("1d", "demo_test", "", vec!["cannot be the name"]),
        ] {
            let error = error(name, from, map).await.unwrap();
            assert!(parts.iter().all(|part| error.contains(part)), "{parts:?}: {error}");
        }
    }
}
