//! Generates the SQL of a view, the same for `DataFusion`, Athena and Trino.

use lake_store::{Lake, StoreError};

use super::{NamedView, View};
use crate::columns::{COORDINATES, Column, Kind};
use crate::infer;
use crate::rows::Columns;

/// Returns the columns of a view's source, given the columns of the topic's table. Mapped columns are read as the
/// stored text, so that the symbol `700` does not become `700.0`, and a value that is not a number does not fail the
/// query. A mapped column that no sampled record has is added, so that the statement is valid.
pub(crate) fn source_columns(view: &View, mut columns: Columns) -> Columns {
    for (_, source) in view.map.iter() {
        match columns.fields.iter_mut().find(|(name, _)| name == source) {
            Some((_, kind)) => *kind = Kind::Json,
            None if columns.partitions.iter().any(|name| name == source) => {}
            None => columns.fields.push((source.to_owned(), Kind::Json)),
        }
    }
    columns
}

fn quote_column(name: &str) -> Option<Column> {
    super::map::declared().find(|column| column.name == name)
}

/// Returns the statement that selects a view's rows from `table`, whose columns are `columns`: the coordinates, the
/// columns of a quote, then all other columns under their own names.
pub(crate) fn select(view: &View, columns: &Columns, table: &str) -> String {
    let mut items = Vec::new();
    for column in COORDINATES.iter().copied().chain(super::map::declared()) {
        let source = view.map.source(column.name).unwrap_or(column.name);
        items.push(format!("{} AS \"{}\"", expression(source, columns, column.kind), column.name));
    }
    let is_quote = |name: &str| COORDINATES.iter().any(|column| column.name == name) || quote_column(name).is_some();
    let fields = columns.fields.iter().map(|(name, _)| name);
    let kept = fields.filter(|name| !is_quote(name) && !view.map.renames(name));
    items.extend(kept.chain(&columns.partitions).map(|name| identifier(name)));
    format!("SELECT\n  {}\nFROM {}", items.join(",\n  "), identifier(table))
}

/// Returns an expression that converts a column of the source to the type `to`. The expression is null for a value that
/// does not fit the type, and for a column that the source does not have.
pub(super) fn expression(source: &str, columns: &Columns, to: Kind) -> String {
    let name = identifier(source);
    let is_partition = columns.partitions.iter().any(|partition| partition == source);
    let field = columns.fields.iter().find(|(field, _)| field == source).map(|(_, kind)| *kind);
    let Some(from) = field.or(is_partition.then_some(Kind::String)) else {
        return format!("CAST(NULL AS {})", type_name(to));
    };
    match (to, from) {
        (Kind::String | Kind::Json, Kind::String | Kind::Json) => name,
        // A number without exponent, and without zeros at its end.
        (Kind::String | Kind::Json, Kind::Int | Kind::BigInt | Kind::Integer | Kind::Double) => {
            format!(r"regexp_replace(CAST(TRY_CAST({name} AS decimal(38, 10)) AS varchar), '\.?0+$', '')")
        }
        (Kind::String | Kind::Json, Kind::Boolean | Kind::Date) => format!("CAST({name} AS varchar)"),
        // The date of a time, too, as in quotes_timed.
        (Kind::Date, _) => format!("TRY_CAST(substr(CAST({name} AS varchar), 1, 10) AS date)"),
        (Kind::Int | Kind::BigInt | Kind::Integer | Kind::Double | Kind::Boolean, _) => {
            format!("TRY_CAST({name} AS {})", type_name(to))
        }
    }
}

/// Returns the name of a type in `DataFusion`, Athena and Trino.
fn type_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Int => "integer",
        Kind::BigInt | Kind::Integer => "bigint",
        Kind::Double => "double",
        Kind::Boolean => "boolean",
        Kind::Date => "date",
        Kind::String | Kind::Json => "varchar",
    }
}

pub(super) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Returns the statement that creates a view in Athena or Trino over a table with the topic's name. The statement
/// expects the table to have the columns that a Glue crawler finds in the topic's records.
///
/// # Errors
/// If the lake cannot be listed, or a sample cannot be read.
pub async fn athena(lake: &Lake, view: &NamedView) -> Result<String, StoreError> {
    let NamedView { name, view } = view;
    let infer::Inferred { fields, partitions, .. } = infer::columns(lake, &view.from, infer::DEFAULT_SAMPLES).await?;
    let select = select(view, &Columns { fields, partitions }, &view.from);
    Ok(format!("CREATE OR REPLACE VIEW {} AS\n{select}\n", identifier(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(fields: &[(&str, Kind)]) -> Columns {
        let fields = fields.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect();
        Columns { fields, partitions: vec!["dt".to_owned()] }
    }

    #[test]
    fn mapped_columns_are_renamed_and_others_kept() {
        let view = View { from: "t".to_owned(), map: "symbol=index,adj_close=adj close".parse().unwrap() };
        let found = [
            ("kafka_offset", Kind::Double),
            ("index", Kind::Json),
            ("adj close", Kind::Double),
            ("open", Kind::Double),
            ("a \"b\"", Kind::Json),
        ];
        let sql = select(&view, &columns(&found), "t");
        for part in [
            "TRY_CAST(\"kafka_offset\" AS bigint) AS \"kafka_offset\"",
            "  \"index\" AS \"symbol\"",
            "TRY_CAST(\"adj close\" AS double) AS \"adj_close\"",
            "TRY_CAST(\"open\" AS double) AS \"open\"",
            "CAST(NULL AS double) AS \"close\"",
            "CAST(NULL AS date) AS \"trade_date\"",
        ] {
            assert!(sql.contains(part), "{part}: {sql}");
        }
        assert!(sql.ends_with(",\n  \"a \"\"b\"\"\",\n  \"dt\"\nFROM \"t\""), "{sql}");
    }

    #[test]
    fn mapped_column_that_no_sample_has_is_added() {
        let view = View { from: "t".to_owned(), map: "symbol=code,close=last,series=dt".parse().unwrap() };
        let source = source_columns(&view, columns(&[("code", Kind::Double)]));
        assert_eq!(source, columns(&[("code", Kind::Json), ("last", Kind::Json)]));
    }
}
