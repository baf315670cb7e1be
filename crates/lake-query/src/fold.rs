//! Matches the names of fields and columns without regard to case, as Athena does.
//!
//! Columns have lowercase names here. The producer writes `snake_case`, so nearly every line can be decoded as it is; a
//! scan of its field names, which costs much less than decoding, finds the other lines.

use std::collections::BTreeMap;

use datafusion::sql::sqlparser::ast::{Expr, Ident, Query, SelectItem, SetExpr, Statement, VisitMut, VisitorMut};
use memchr::{memchr, memchr2};
use serde_json::value::RawValue;

use crate::json::Fields;

/// Returns the name of a field's column, which is the field's name in lowercase.
pub(crate) fn column_name(field: &str) -> String {
    field.to_lowercase()
}

/// Returns `true` if the name of a field in `lines`, including nested fields, may differ from the name of its column.
pub(crate) fn has_other_names(lines: &str) -> bool {
    let bytes = lines.as_bytes();
    let mut at = 0;
    while let Some(start) = memchr(b'"', &bytes[at..]).map(|found| at + found + 1) {
        let mut end = start;
        let mut is_escaped = false;
        loop {
            match memchr2(b'"', b'\\', &bytes[end..]).map(|found| end + found) {
                Some(found) if bytes[found] == b'\\' => {
                    is_escaped = true;
                    end = (found + 2).min(bytes.len());
                }
                Some(found) => {
                    end = found;
                    break;
                }
                // Not JSON: decoding reports it.
                None => return false,
            }
        }
        at = end + 1;
        let rest = &bytes[at..];
        let is_name = rest.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b':');
        let is_column = |name: &[u8]| !is_escaped && name.iter().all(|b| b.is_ascii() && !b.is_ascii_uppercase());
        if is_name && !is_column(&bytes[start..end]) {
            return true;
        }
    }
    false
}

/// Returns a line with the fields of the wanted columns only, under the names of the columns. Of two fields with the
/// same column, the last one counts. A line that is not an object is returned as it is, so that decoding it reports the
/// error.
pub(crate) fn with_column_names(line: &str, is_wanted: impl Fn(&str) -> bool) -> String {
    let Ok(Fields(fields)) = serde_json::from_str::<Fields>(line) else {
        return line.to_owned();
    };
    let mut columns: BTreeMap<String, &RawValue> = BTreeMap::new();
    for (field, value) in fields {
        let name = column_name(&field);
        if is_wanted(&name) {
            columns.insert(name, value);
        }
    }
    // A map of strings to JSON is always JSON.
    serde_json::to_string(&columns).unwrap_or_default() + "\n"
}

/// Converts quoted column names to lowercase, except the aliases that the statement itself defines. The engine converts
/// unquoted names.
pub(crate) fn quoted_columns(statement: &mut Statement) {
    let mut aliases = Aliases(Vec::new());
    let _ = statement.visit(&mut aliases);
    let _ = statement.visit(&mut Columns(aliases.0));
}

/// The aliases of columns that a statement defines, collected by a visitor.
struct Aliases(Vec<String>);

impl VisitorMut for Aliases {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> std::ops::ControlFlow<()> {
        self.collect(&query.body);
        if let Some(with) = &query.with {
            let columns = with.cte_tables.iter().flat_map(|table| &table.alias.columns);
            self.0.extend(columns.map(|column| column.name.value.clone()));
        }
        std::ops::ControlFlow::Continue(())
    }
}

impl Aliases {
    fn collect(&mut self, body: &SetExpr) {
        match body {
            SetExpr::Select(select) => {
                for item in &select.projection {
                    if let SelectItem::ExprWithAlias { alias, .. } = item {
                        self.0.push(alias.value.clone());
                    }
                }
            }
            SetExpr::SetOperation { left, right, .. } => {
                self.collect(left);
                self.collect(right);
            }
            _ => {}
        }
    }
}

struct Columns(Vec<String>);

impl VisitorMut for Columns {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> std::ops::ControlFlow<()> {
        let name = match expr {
            Expr::Identifier(name) => Some(name),
            Expr::CompoundIdentifier(parts) => parts.last_mut(),
            _ => None,
        };
        if let Some(Ident { value, quote_style: Some(_), .. }) = name
            && !self.0.contains(value)
        {
            *value = column_name(value);
        }
        std::ops::ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_fields_are_compared() {
        for same in [
            r#"{"symbol":"AAPL","note":"A \"B\": C","n":1}"#,
            "{\"a\" : \"X\",\"b\":[\"Y\"]}\n{\"c\":1}\n",
            r#"{"name":"Close","v":"Open"}"#,
            "",
            "no JSON",
            r#"{"cut":"of"#,
        ] {
            assert!(!has_other_names(same), "{same}");
        }
        for other in [
            r#"{"Symbol":1}"#,
            r#"{"symbol":1,"adj Close" :2}"#,
            r#"{"\u0041":1}"#,
            r#"{"ÄB":1}"#,
            "{\"a\":1}\n{\"a\":{\"B\":2}}",
        ] {
            assert!(has_other_names(other), "{other}");
        }
    }

    #[test]
    fn last_field_of_a_column_counts() {
        let line = r#"{"Close":1.50,"CLOSE":2.50,"other":{"Close":3},"Adj Close":"x\"y"}"#;
        let wanted = |name: &str| name != "other";
        assert_eq!(with_column_names(line, wanted), "{\"adj close\":\"x\\\"y\",\"close\":2.50}\n");
        assert_eq!(with_column_names("[1]\n", wanted), "[1]\n");
    }
}
