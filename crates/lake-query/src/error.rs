//! What can go wrong between a statement and its rows.

use datafusion::arrow::error::ArrowError;
use datafusion::error::DataFusionError;

use lake_store::StoreError;

use super::render::Format;

/// Why a statement gave no rows.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SqlError {
    /// The lake did not give what it holds.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The engine refused the statement, or stopped while running it.
    #[error("{}", explain(.0))]
    Query(Box<DataFusionError>),
    /// The rows cannot be written in the wanted format.
    #[error("failed to write the rows as {format:?}")]
    Render {
        /// The format.
        format: Format,
        /// What Arrow says.
        source: ArrowError,
    },
}

impl From<DataFusionError> for SqlError {
    fn from(error: DataFusionError) -> Self {
        Self::Query(Box::new(error))
    }
}

impl From<SqlError> for DataFusionError {
    fn from(error: SqlError) -> Self {
        Self::External(Box::new(error))
    }
}

/// The innermost cause in full: an error of ours that went through the engine comes out as it
/// went in, without the engine's wrapping.
fn explain(error: &DataFusionError) -> String {
    let DataFusionError::External(ours) = error.find_root() else {
        return error.to_string();
    };
    let mut text = ours.to_string();
    let mut cause = ours.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_errors_come_out_of_the_engine_as_they_went_in() {
        let ours = StoreError::Read {
            key: "data/quotes/dt=2026-01-02/a.json".into(),
            source: object_store::Error::NotImplemented { operation: "get".into(), implementer: "nobody".into() },
        };
        let through = DataFusionError::from(SqlError::from(ours)).context("while running");
        let text = SqlError::from(through).to_string();
        assert!(text.starts_with("failed to read the object data/quotes/dt=2026-01-02/a.json: Operation"), "{text}");
    }
}
