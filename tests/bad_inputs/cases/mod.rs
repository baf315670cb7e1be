//! The cases of the table, by section of the page.

pub(super) mod dates;
pub(super) mod files;
pub(super) mod headers;
pub(super) mod numbers;
pub(super) mod rows;
pub(super) mod symbols;
pub(super) mod texts;
