//! Errors returned when a statement is run.

use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use lake_store::StoreError;
use terminal::numbers::{grouped, size};

use crate::render::RenderError;
use crate::rows::ObjectError;
use crate::view::DefinitionError;

/// Reason that a statement failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SqlError {
    /// The lake could not be listed or read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An object could not be decoded into rows of its table. Retrying does not help.
    #[error(transparent)]
    Decode(#[from] ObjectError),
    /// The definition of a view could not be read.
    #[error(transparent)]
    View(#[from] DefinitionError),
    /// The selected topic has records, but a view has the same name.
    #[error(
        "the lake has a view {0} and a topic {0} with records; remove the view with `tickerlake view {0} --remove`, or store the records in a topic with another name"
    )]
    ViewHidesTopic(String),
    /// The thread that plans a statement could not be started.
    #[error("failed to start a thread that plans the query")]
    Thread(#[source] std::io::Error),
    /// The engine panicked while it planned a statement.
    #[error("internal error: the engine panicked while it planned the query (this is a bug)")]
    Planning,
    /// The text does not contain exactly one statement.
    #[error("expected one statement; run several statements one at a time")]
    OneStatement,
    /// A statement that does more than read.
    #[error("only statements that read are permitted, such as SELECT, WITH, SHOW and EXPLAIN ({0})")]
    ReadOnly(String),
    /// A statement whose tree could be too deep for a stack.
    #[error("the statement has more than {} {what}: shorten it, or run it with `tickerlake query`", grouped(*limit as u64))]
    TooComplex { limit: usize, what: &'static str },
    /// A result with more rows than the caller takes.
    #[error("the result has more than {} rows: use `tickerlake query` for larger results", grouped(*limit as u64))]
    TooManyRows { limit: usize },
    /// A result that needs more memory than the caller grants.
    #[error("the rows are larger than {}: select fewer rows or columns, or use `tickerlake query`", size(*limit as u64))]
    TooLarge { limit: usize },
    /// The rows could not be formatted.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// The engine rejected the statement, or failed while running it.
    #[error("{}", explain(.0))]
    Query(Box<DataFusionError>),
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

/// Formats an error. If the engine only wraps one of our errors, that error is formatted with its causes, without the
/// engine's wrapping.
fn explain(error: &DataFusionError) -> String {
    let ours = match error.find_root() {
        DataFusionError::External(ours) => ours,
        DataFusionError::ResourcesExhausted(cause) => {
            return format!(
                "the query needs more memory than its limit, or more space for temporary files than {} has ({cause}): \
                 raise --memory-limit",
                std::env::temp_dir().display()
            );
        }
        DataFusionError::SchemaError(missing, _) if matches!(**missing, SchemaError::FieldNotFound { .. }) => {
            return format!(
                "{error} Undeclared columns are inferred from a sample of the topic's objects; if the field is rare, raise \
                 --sample-objects"
            );
        }
        _ => return error.to_string(),
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
    fn exhausted_memory_names_the_option() {
        let through = DataFusionError::ResourcesExhausted("sort needs 9 bytes".into()).context("while running");
        let text = SqlError::from(through).to_string();
        assert!(text.starts_with("the query needs more memory than its limit"), "{text}");
        assert!(text.ends_with("(sort needs 9 bytes): raise --memory-limit"), "{text}");
    }

    #[test]
    fn engine_returns_our_errors_unwrapped() {
        let ours = StoreError::Read {
            key: "data/quotes/dt=2026-01-02/a.json".into(),
            source: object_store::Error::NotImplemented { operation: "get".into(), implementer: "nobody".into() },
        };
        let through = DataFusionError::from(SqlError::from(ours)).context("while running");
        let text = SqlError::from(through).to_string();
        assert!(text.starts_with("failed to read the object data/quotes/dt=2026-01-02/a.json: Operation"), "{text}");
    }
}
