//! Removes the days and objects that filters on partition columns exclude.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::catalog::Session;
use datafusion::common::DFSchema;
use datafusion::datasource::listing::helpers::expr_applicable_for_cols;
use datafusion::error::Result;
use datafusion::logical_expr::Expr;
use lake_store::Partitioned;

/// Returns `true` if the filter depends on no columns other than `columns`.
pub(super) fn is_decided_by(columns: &[&str], filter: &Expr) -> bool {
    expr_applicable_for_cols(columns, filter)
}

/// Returns the items that pass every filter that depends only on `columns`. Other filters are ignored.
pub(super) fn retain<T: Partitioned>(
    session: &dyn Session,
    filters: &[Expr],
    columns: &[&str],
    items: Vec<T>,
) -> Result<Vec<T>> {
    let fields = columns.iter().map(|c| Field::new(*c, DataType::Utf8, true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let arrays = columns.iter().map(|column| {
        let values = items.iter().map(|item| item.partition_value(column));
        Arc::new(values.collect::<StringArray>()) as ArrayRef
    });
    let count = RecordBatchOptions::new().with_row_count(Some(items.len()));
    let rows = RecordBatch::try_new_with_options(Arc::clone(&schema), arrays.collect(), &count)?;
    let named = DFSchema::try_from(schema)?;

    let mut passed = vec![true; items.len()];
    for filter in filters {
        if !is_decided_by(columns, filter) {
            continue;
        }
        let filter = session.create_physical_expr(filter.clone(), &named)?;
        let results = filter.evaluate(&rows)?.into_array(items.len())?;
        // A filter that is just `NULL` is not boolean, and no row passes it.
        let results = results.as_boolean_opt();
        for (index, passed) in passed.iter_mut().enumerate() {
            *passed &= results.is_some_and(|results| results.is_valid(index) && results.value(index));
        }
    }
    let items = items.into_iter().zip(passed);
    Ok(items.filter_map(|(item, passed)| passed.then_some(item)).collect())
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::{SessionContext, col, lit};

    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    struct Item(Option<&'static str>);

    impl Partitioned for Item {
        fn partition_value(&self, _: &str) -> Option<&str> {
            self.0
        }
    }

    #[test]
    fn items_pass_only_filters_that_are_true() {
        let session = SessionContext::new();
        let [second, third, none] = [Some("2026-01-02"), Some("2026-01-03"), None].map(Item);
        let items = vec![second, third.clone(), none.clone()];
        let retain = |filters: &[Expr]| retain(&session.state(), filters, &["dt"], items.clone()).unwrap();
        let after = col("dt").gt(lit("2026-01-02"));
        assert_eq!(retain(&[]), items);
        assert_eq!(retain(std::slice::from_ref(&after)), [third]);
        assert_eq!(retain(&[after.clone(), col("dt").lt(lit("2026-01-03"))]), []);
        assert_eq!(retain(&[col("dt").is_null()]), [none]);
        let elsewhere = col("symbol").eq(lit("IBM"));
        assert_eq!(retain(std::slice::from_ref(&elsewhere)), items);
        assert_eq!(retain(&[after.or(elsewhere)]), items);
    }
}
