//! What the event path costs, measured against what it cannot do without: the decoding of the values and the
//! compression of the lines.
//!
//! [`rows`] are real ones, [`event`] has them as Lambda sends them, [`floor`] is what no sink can save, and [`s3`] takes
//! what the sink puts, on a thread that is not measured.

pub mod columns;
pub mod event;
pub mod floor;
pub mod least;
pub mod path;
pub mod rows;
pub mod s3;
