//! Lists and reads the objects of a lake.
//!
//! A [`Lake`] is a bucket in S3 or a folder with the same layout. [`Lake::topics`], [`Lake::days`] and
//! [`Lake::objects`] list what Athena would read, [`Lake::for_each_object`] lists everything. The SQL engine, `trace`
//! and `audit` all read through this crate, so there is one rule for which objects count and one for how a name gives
//! an object's [`codec`].
//!
//! `object_store` was chosen because it offers one interface for S3 and folders, and the SQL engine uses it anyway. Its
//! credentials come from the AWS SDK ([`bucket`]), so that every program of the workspace finds the same ones.

mod backend;
pub mod codec;
mod error;
mod listing;
mod reader;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use backend::{bucket, folder};
pub use error::{DecodeError, StoreError};
pub use listing::{Area, DT, Day, Lake, Object, Partitioned};
pub use reader::TopicObject;
