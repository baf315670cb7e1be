//! The market: bars for charts, from SQL and from the running feed.

pub(crate) mod bars;
pub(crate) mod quote;
pub(crate) mod sums;
pub(crate) mod time;
mod valid;
