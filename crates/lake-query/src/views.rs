//! The views of a session: the files of `queries/views/`, with the undeclared columns of the selected topic.
//!
//! In Athena, a view has only the columns that the template declares for it. Here, the views that return quotes have
//! every column of the table `quotes`, so that undeclared columns can also be queried without duplicates.

use datafusion::prelude::SessionContext;

use crate::error::SqlError;
use crate::execute::execute;
use crate::saved::views;

/// Views that return quotes, not summaries of them.
const OF_QUOTES: [&str; 2] = ["views/quotes_timed", "views/quotes_latest"];

/// Last column in every column list of these views.
const LAST_COLUMN: &str = "dt";

/// Creates the views. `undeclared` are the columns of the table `quotes` that the views do not name.
pub(crate) async fn create(context: &SessionContext, undeclared: &[&str]) -> Result<(), SqlError> {
    let own: Vec<&str> = undeclared.iter().copied().filter(|name| !is_used(name)).collect();
    for view in views() {
        match OF_QUOTES.contains(&view.name) {
            true => execute(context, &with_columns(view.sql, &own)).await?,
            false => execute(context, view.sql).await?,
        };
    }
    Ok(())
}

/// Returns `true` if the SQL of a view contains the name, for a column or anything else.
fn is_used(column: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    views().iter().flat_map(|view| view.sql.split(|c| !is_name(c))).any(|word| word.eq_ignore_ascii_case(column))
}

/// Adds columns to each list of columns of a view.
fn with_columns(view: &str, columns: &[&str]) -> String {
    let mut sql = String::new();
    for line in view.lines() {
        sql += line;
        if line.trim_start() == LAST_COLUMN {
            for column in columns {
                sql += ", \"";
                sql += &column.replace('"', "\"\"");
                sql.push('"');
            }
        }
        sql.push('\n');
    }
    sql
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_added_to_every_list() {
        let sql = "CREATE VIEW v AS\nSELECT\n  a,\n  dt\nFROM (\n  SELECT\n    a,\n    dt\n  FROM t\n)\n";
        let extended = with_columns(sql, &["lot", "a \"b\""]);
        assert_eq!(extended, sql.replace("dt\n", "dt, \"lot\", \"a \"\"b\"\"\"\n"));
        assert_eq!(with_columns(sql, &[]), sql);
    }

    #[test]
    fn names_inside_a_view_are_used() {
        assert!(["place", "Instant", "kafka_offset", "wall"].iter().all(|name| is_used(name)));
        assert!(!["lot", "laces", "trade"].iter().any(|name| is_used(name)));
    }

    #[test]
    fn every_view_of_quotes_has_a_list_to_extend() {
        for view in views().iter().filter(|view| OF_QUOTES.contains(&view.name)) {
            assert!(view.sql.lines().any(|line| line.trim_start() == LAST_COLUMN), "{}", view.name);
        }
    }
}
