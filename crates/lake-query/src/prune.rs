//! Leaves out the days and objects whose key already rules them out.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::catalog::Session;
use datafusion::common::DFSchema;
use datafusion::datasource::listing::helpers::expr_applicable_for_cols;
use datafusion::error::Result;
use datafusion::logical_expr::Expr;
use lake_store::Partitioned;

/// Whether the values of these columns alone decide a filter.
pub(super) fn decides(columns: &[&str], filter: &Expr) -> bool {
    expr_applicable_for_cols(columns, filter)
}

/// Keeps the items for which every filter that `columns` decide is true.
pub(super) fn keep<T: Partitioned>(
    session: &dyn Session,
    filters: &[Expr],
    columns: &[&str],
    items: Vec<T>,
) -> Result<Vec<T>> {
    let fields = columns.iter().map(|c| Field::new(*c, DataType::Utf8, true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let arrays = columns.iter().map(|column| {
        let values = items.iter().map(|item| item.partition(column));
        Arc::new(values.collect::<StringArray>()) as ArrayRef
    });
    let count = RecordBatchOptions::new().with_row_count(Some(items.len()));
    let rows = RecordBatch::try_new_with_options(Arc::clone(&schema), arrays.collect(), &count)?;
    let named = DFSchema::try_from(schema)?;

    let mut kept = vec![true; items.len()];
    for filter in filters {
        if !decides(columns, filter) {
            continue;
        }
        let filter = session.create_physical_expr(filter.clone(), &named)?;
        let verdict = filter.evaluate(&rows)?.into_array(items.len())?;
        // A filter that is just `NULL` has no boolean type, and no row passes it.
        let verdict = verdict.as_boolean_opt();
        for (at, kept) in kept.iter_mut().enumerate() {
            *kept &= verdict.is_some_and(|v| v.is_valid(at) && v.value(at));
        }
    }
    let verdicts = items.into_iter().zip(kept);
    Ok(verdicts.filter_map(|(item, kept)| kept.then_some(item)).collect())
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::{SessionContext, col, lit};

    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    struct Item(Option<&'static str>);

    impl Partitioned for Item {
        fn partition(&self, _: &str) -> Option<&str> {
            self.0
        }
    }

    #[test]
    fn filters_keep_what_they_are_true_for() {
        let session = SessionContext::new();
        let [second, third, none] = [Some("2026-01-02"), Some("2026-01-03"), None].map(Item);
        let items = vec![second, third.clone(), none.clone()];
        let keep = |filters: &[Expr]| keep(&session.state(), filters, &["dt"], items.clone()).unwrap();
        let after = col("dt").gt(lit("2026-01-02"));
        assert_eq!(keep(&[]), items);
        assert_eq!(keep(std::slice::from_ref(&after)), [third]);
        assert_eq!(keep(&[after.clone(), col("dt").lt(lit("2026-01-03"))]), []);
        assert_eq!(keep(&[col("dt").is_null()]), [none]);
        let elsewhere = col("symbol").eq(lit("IBM"));
        assert_eq!(keep(std::slice::from_ref(&elsewhere)), items);
        assert_eq!(keep(&[after.or(elsewhere)]), items);
    }
}
