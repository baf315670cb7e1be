//! Counts the values that a view cannot convert in the newest day of the topic.
//!
//! Queries return null for a value that cannot be converted, so `tickerlake view` warns about the number of such
//! values. One day is read, not the whole topic, because a topic can be large, and a producer that writes another
//! format does so in every record.

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::prelude::SessionContext;
use lake_store::{Area, DT, Lake, Partitioned};

use super::sql::{expression, identifier};
use super::{View, source_columns};
use crate::error::SqlError;
use crate::execute::execute;
use crate::infer;
use crate::source::{self, SOURCE};

/// Values of one column that cannot be converted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Column of the quote.
    pub column: String,
    /// Column of the topic.
    pub source: String,
    pub values: u64,
    /// One of the values.
    pub example: String,
}

/// Result of converting the mapped columns of a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Losses {
    /// The day, as written in the partition column `dt`.
    pub day: String,
    pub records: u64,
    /// The mapped columns with values that cannot be converted.
    pub columns: Vec<Loss>,
}

/// Converts the mapped columns of the newest day of a view's topic. Returns `None` if the topic has no days.
///
/// # Errors
/// If the lake cannot be listed, or an object cannot be read or decoded.
pub async fn losses(lake: &Lake, view: &View) -> Result<Option<Losses>, SqlError> {
    let days = lake.days(Area::Data, &view.from).await?;
    let Some(day) = days.last().and_then(|day| day.partition_value(DT)).map(str::to_owned) else { return Ok(None) };
    let columns = source::topic_columns(infer::columns(lake, &view.from, infer::DEFAULT_SAMPLES).await?);
    let columns = source_columns(view, columns);
    let mut items = vec!["count(*)".to_owned()];
    let mapped: Vec<_> = super::map::declared().filter_map(|to| Some((to, view.map.source(to.name)?))).collect();
    for (to, source) in &mapped {
        let (value, converted) = (identifier(source), expression(source, &columns, to.kind));
        let lost = format!("{value} IS NOT NULL AND {converted} IS NULL");
        items.push(format!("count(CASE WHEN {lost} THEN 1 END)"));
        items.push(format!("min(CASE WHEN {lost} THEN CAST({value} AS varchar) END)"));
    }
    let named = items.iter().enumerate().map(|(index, item)| format!("{item} AS c{index}"));
    let sql = format!(
        "SELECT {} FROM \"{SOURCE}\" WHERE dt = '{}'",
        named.collect::<Vec<_>>().join(", "),
        day.replace('\'', "''")
    );
    let context = SessionContext::new();
    source::register(&context, lake, &view.from, columns)?;
    let rows = execute(&context, &sql).await?;
    let Some(row) = rows.iter().find(|batch| batch.num_rows() == 1) else { return Ok(None) };
    let mut lost = Vec::new();
    for (index, (to, source)) in mapped.iter().enumerate() {
        let values = count(row, 1 + 2 * index)?;
        if values > 0 {
            let (column, source) = (to.name.to_owned(), (*source).to_owned());
            lost.push(Loss { column, source, values, example: text(row, 2 + 2 * index)? });
        }
    }
    Ok(Some(Losses { day, records: count(row, 0)?, columns: lost }))
}

fn count(row: &RecordBatch, column: usize) -> Result<u64, SqlError> {
    let counts = cast(row.column(column), &DataType::Int64).map_err(arrow)?;
    Ok(u64::try_from(counts.as_primitive::<Int64Type>().value(0)).unwrap_or(0))
}

fn text(row: &RecordBatch, column: usize) -> Result<String, SqlError> {
    let texts = cast(row.column(column), &DataType::Utf8).map_err(arrow)?;
    Ok(texts.as_string::<i32>().value(0).to_owned())
}

fn arrow(error: datafusion::arrow::error::ArrowError) -> SqlError {
    SqlError::from(datafusion::error::DataFusionError::from(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use lake_store::testing::Store;

    #[tokio::test]
    async fn values_of_the_newest_day_are_counted() {
        let store = Store::new();
        let view = View { from: "t".to_owned(), map: "symbol=code,trade_date=Date,close=Price".parse().unwrap() };
        assert_eq!(losses(&store.lake(""), &view).await.unwrap(), None);
        store.put("data/t/dt=2026-01-02/a.json", "{\"Code\":700,\"Date\":\"bad\",\"Price\":\"x\"}\n").await;
        let lines = "{\"Code\":700,\"Date\":\"1986-12-31 00:00:00+08:00\",\"Price\":\"1.5\"}\n\
                     {\"Code\":1,\"Date\":\"31/12/1986\",\"Price\":\"2,000.5\"}\n\
                     {\"Code\":null,\"Date\":null,\"Price\":null}\n{\"Price\":\"1,000.5\"}\n";
        store.put("data/t/dt=2026-01-03/b.json", lines).await;
        let loss = |column: &str, source: &str, values, example: &str| Loss {
            column: column.to_owned(),
            source: source.to_owned(),
            values,
            example: example.to_owned(),
        };
        assert_eq!(
            losses(&store.lake(""), &view).await.unwrap(),
            Some(Losses {
                day: "2026-01-03".to_owned(),
                records: 4,
                columns: vec![loss("trade_date", "date", 1, "31/12/1986"), loss("close", "price", 2, "1,000.5")],
            })
        );
    }
}
