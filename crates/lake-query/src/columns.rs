//! The columns that are declared, not inferred: their one definition.
//!
//! The sink checks values against the same list (`SINK_COLUMNS`, see [`sink_columns`]), so that no
//! object holds a value that its column cannot.

use datafusion::arrow::datatypes::DataType;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A 32-bit integer.
    Int,
    /// A 64-bit integer.
    BigInt,
    /// A 64-bit float.
    Double,
    /// True or false.
    Boolean,
    /// A calendar date.
    Date,
    /// Text; a number or a boolean reads as it is written.
    String,
    /// Text; a string reads as itself, anything else (an object or an array too) as its JSON.
    Json,
}

impl Kind {
    /// The type's name in the Glue catalog and in `SINK_COLUMNS`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Int => "int",
            Self::BigInt => "bigint",
            Self::Double => "double",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::String | Self::Json => "string",
        }
    }

    pub(super) fn arrow(self) -> DataType {
        match self {
            Self::Int => DataType::Int32,
            Self::BigInt => DataType::Int64,
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
    /// Its name, which is the name of the field in the object's lines.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
}

const fn column(name: &'static str, kind: Kind) -> Column {
    Column { name, kind }
}

/// Where a record stood in Kafka: what the sink writes at the beginning of each line.
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

/// The fields of a quarantined record besides its topic and coordinates.
pub const QUARANTINED: &[Column] = &[
    column("reason", Kind::String),
    column("key", Kind::String),
    column("value", Kind::String),
    column("value_raw", Kind::Json),
    column("headers", Kind::Json),
];

/// The columns of a topic's table.
pub fn quote_columns() -> Vec<Column> {
    [COORDINATES, QUOTE].concat()
}

/// The columns of the table `quarantine`, which is one over all topics.
pub fn quarantine_columns() -> Vec<Column> {
    let topic = &[column("kafka_topic", Kind::String)];
    [topic, COORDINATES, QUARANTINED].concat()
}

/// A quote's columns as the sink's `SINK_COLUMNS` wants them.
pub fn sink_columns() -> String {
    let columns = QUOTE.iter().map(|c| format!("{}:{}", c.name, c.kind.name()));
    columns.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sink_gets_the_quotes_own_columns() {
        assert_eq!(
            sink_columns(),
            "symbol:string,trade_date:date,traded_at:string,open:double,high:double,low:double,\
             close:double,adj_close:double,volume:double,close_usd:double"
        );
    }
}
