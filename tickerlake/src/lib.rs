//! Tickerlake on one machine: the parts of the pipeline in one process, and the operator's tools.
//!
//! [`run`] and [`up`] wire the parts together: the [`embedded`] broker, the [`embedded`] S3 behind a
//! [`lake`], the [`trigger`] that stands in for Lambda's event source mapping, the `sink` library, and
//! the [`lake_query`] engine behind [`query`] and the quality report. [`view`] shows how things stand,
//! [`trace`] finds one record, [`audit`] looks at all of them.

pub mod audit;
pub mod cli;
pub mod lake;
pub mod query;
pub mod redrive;
pub mod repair;
pub mod run;
pub mod say;
pub mod trace;
pub mod trigger;
pub mod up;
pub mod view;
