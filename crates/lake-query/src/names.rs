//! Names of the tables that every session has.

/// Name of the table of the selected topic. The views and saved queries read this table.
pub const QUOTES: &str = "quotes";

/// Name of the table with the invalid records of all topics.
pub const QUARANTINE: &str = "quarantine";
