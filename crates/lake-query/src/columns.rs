//! The declared columns of the tables. This is their only definition.
//!
//! The sink validates values against [`QUOTE`] (`SINK_COLUMNS`, see [`sink_columns`]), so that every stored value fits
//! its column. It does not validate [`INTRADAY`]: these columns were declared later, and records that were stored
//! before can have other values in fields of these names. Columns that are not declared here are inferred (see
//! `infer`).

use datafusion::arrow::datatypes::DataType;
use lake_format::columns::ColumnType;

/// Type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A 32-bit integer.
    Int,
    /// A 64-bit integer.
    BigInt,
    /// A 64-bit integer of an undeclared column. Any other number is an error, because no one has validated the values.
    Integer,
    /// A 64-bit float.
    Double,
    Boolean,
    /// A calendar date.
    Date,
    /// A string. A number or boolean is converted to its JSON text.
    String,
    /// A string. Any other value, including objects and arrays, is converted to its JSON text.
    Json,
}

impl Kind {
    /// Returns the type in the Glue catalog and in `SINK_COLUMNS`.
    pub fn column_type(self) -> ColumnType {
        match self {
            Self::Int => ColumnType::Int,
            Self::BigInt | Self::Integer => ColumnType::Bigint,
            Self::Double => ColumnType::Double,
            Self::Boolean => ColumnType::Boolean,
            Self::Date => ColumnType::Date,
            Self::String | Self::Json => ColumnType::String,
        }
    }

    pub(super) fn arrow(self) -> DataType {
        match self {
            Self::Int => DataType::Int32,
            Self::BigInt | Self::Integer => DataType::Int64,
            Self::Double => DataType::Float64,
            Self::Boolean => DataType::Boolean,
            Self::Date => DataType::Date32,
            Self::String | Self::Json => DataType::Utf8,
        }
    }
}

/// A declared column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Name of the column, and of the field in the stored lines.
    pub name: &'static str,
    pub kind: Kind,
}

const fn column(name: &'static str, kind: Kind) -> Column {
    Column { name, kind }
}

/// The record's coordinates in Kafka, which the sink writes at the start of each line.
pub const COORDINATES: &[Column] = &[
    column("kafka_partition", Kind::Int),
    column("kafka_offset", Kind::BigInt),
    column("kafka_timestamp", Kind::BigInt),
    column("kafka_generation", Kind::Int),
];

/// The fields of a quote.
pub const QUOTE: &[Column] = &[
    column("symbol", Kind::String),
    column("trade_date", Kind::Date),
    column("traded_at", Kind::String),
    column("open", Kind::Double),
    column("high", Kind::Double),
    column("low", Kind::Double),
    column("close", Kind::Double),
    column("adj_close", Kind::Double),
    column("volume", Kind::Double),
    column("close_usd", Kind::Double),
];

/// Further fields of a quote: those that distinguish bars, ticks and simulated rows, the time zone, the bid and the
/// ask. A value that does not fit its column is read as null.
pub const INTRADAY: &[Column] = &[
    column("bar", Kind::String),
    column("zone", Kind::String),
    column("series", Kind::String),
    column("seq", Kind::BigInt),
    column("simulated", Kind::Boolean),
    column("bid", Kind::Double),
    column("ask", Kind::Double),
];

/// The fields of a quarantined record, besides its topic and coordinates.
pub const QUARANTINED: &[Column] = &[
    column("reason", Kind::String),
    column("key", Kind::String),
    column("value", Kind::String),
    column("value_raw", Kind::Json),
    column("headers", Kind::Json),
];

/// Returns the declared columns of a topic's table.
pub fn quote_columns() -> Vec<Column> {
    [COORDINATES, QUOTE, INTRADAY].concat()
}

/// Returns the columns of the table `quarantine`, which contains the records of all topics.
pub fn quarantine_columns() -> Vec<Column> {
    let topic = &[column("kafka_topic", Kind::String)];
    [topic, COORDINATES, QUARANTINED].concat()
}

/// Returns the columns that the sink validates, in the format of `SINK_COLUMNS`. Adding one changes which records of an
/// existing lake are quarantined, so new columns are added to [`INTRADAY`] instead.
pub fn sink_columns() -> String {
    let columns = QUOTE.iter().map(|c| format!("{}:{}", c.name, c.kind.column_type().name()));
    columns.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sink_columns_are_those_that_stored_records_were_validated_by() {
        assert_eq!(
            sink_columns(),
            "symbol:string,trade_date:date,traded_at:string,open:double,high:double,low:double,\
             close:double,adj_close:double,volume:double,close_usd:double"
        );
    }
}
