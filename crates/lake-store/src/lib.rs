//! Lists, reads and moves the objects of a lake.
//!
//! A [`Lake`] is an S3 bucket or a local folder with the same layout. [`Lake::topics`], [`Lake::days`] and
//! [`Lake::objects`] list what Athena would read; [`Lake::for_each_object`] lists every object. The SQL engine, `trace`
//! and `audit` all read through this crate, so they agree on which objects count and on how an object's name determines
//! its [`codec`]. [`Lake::overwrite`] is for the definitions of views, never for records. `drop`, the only command that
//! moves objects, copies and deletes them through [`Lake::copy`] and [`Lake::delete`].
//!
//! `object_store` was chosen because it offers one interface for S3 and local folders, and the SQL engine uses it
//! anyway. The credentials come from the AWS SDK ([`bucket`]), so that every program of the workspace uses the same
//! credentials.

mod backend;
pub mod codec;
mod error;
mod lake;
mod raw_access;
mod s3_failure;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod writing;

pub use backend::{bucket, folder};
pub use error::{DecodeError, StoreError};
pub use lake::{Area, DT, Day, Lake, Object, Partitioned};
pub use raw_access::TopicObject;
pub use s3_failure::S3Failure;
pub use writing::{Comparison, Version};
