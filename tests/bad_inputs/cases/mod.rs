//! The cases of the table, by section of the page.

mod dates;
mod files;
mod headers;
mod numbers;
mod rows;
mod symbols;
mod texts;

use crate::bad_inputs::table::Case;

/// Returns every case.
pub(super) fn all() -> Vec<Case> {
    groups().into_iter().flat_map(|(_, cases)| cases).collect()
}

/// Returns the cases by section of the page.
pub(super) fn groups() -> [(&'static str, Vec<Case>); 7] {
    [
        ("Files", files::cases()),
        ("Symbols", symbols::cases()),
        ("Headers and delimiters", headers::cases()),
        ("Dates and times", dates::cases()),
        ("Numbers", numbers::cases()),
        ("Rows", rows::cases()),
        ("Text", texts::cases()),
    ]
}
