//! Lists and reads the objects of a lake: a bucket of S3, or a folder that stands for one.
//!
//! `object_store` was chosen because it has one interface for both, and the SQL engine reads through it anyway.
//! The credentials are the AWS SDK's, as the sink's are.

mod backend;
pub mod codec;
mod error;
mod listing;
mod reader;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use backend::{bucket, folder};
pub use error::StoreError;
pub use listing::{Area, DT, Day, Lake, Object, Partitioned};
pub use reader::Stored;
