//! Measures the cost of the event path against its floor: decoding the values and compressing the lines.
//!
//! [`rows`] reads rows of CSV files, [`event`] puts them into events as Lambda sends them, [`path`] runs the sink's
//! code without requests, [`floor`] does only the work that no sink can avoid, and [`s3`] receives the sink's objects
//! on a thread that is not measured.

pub mod columns;
pub mod event;
pub mod floor;
pub mod path;
pub mod rows;
pub mod s3;
pub mod timing;
