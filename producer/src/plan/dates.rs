//! Finds the date and the time among a row's cells and combines them into a moment.

use jiff::civil::Date;

use super::TimeFormat;
use super::date_format::DateFormat;
use super::moment::Moment;

/// Columns that contain the date and the time of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dates {
    /// One column contains the date, perhaps with the time of day.
    Column(usize, DateFormat),
    /// One column contains the date, and another the time of day.
    WithTime(usize, DateFormat, usize, TimeFormat),
    /// Every row has this date, and a column contains the time of day.
    Given(Date, usize, TimeFormat),
}

/// A cell that cannot be read as a date or as a time.
#[derive(Clone, Copy, Debug)]
pub(crate) enum UnreadableCell<'a> {
    /// The column of the date, and its format.
    Date(usize, &'a DateFormat),
    /// The column of the time of day.
    Time(usize),
}

impl Dates {
    /// Returns the columns that contain the date and the time, the date's column first.
    pub(crate) fn columns(&self) -> impl DoubleEndedIterator<Item = usize> {
        let (first, second) = match *self {
            Dates::Column(column, _) | Dates::Given(_, column, _) => (column, None),
            Dates::WithTime(date, _, time, _) => (date, Some(time)),
        };
        std::iter::once(first).chain(second)
    }

    /// Reads the moment of a row. `cell` must return the cell of a column without surrounding blanks.
    ///
    /// # Errors
    /// [`UnreadableCell`] if a cell cannot be read. The time is read before the date.
    pub(crate) fn read<'c>(&self, cell: impl Fn(usize) -> &'c str) -> Result<Moment, UnreadableCell<'_>> {
        let clock = |column: usize, format: TimeFormat| format.read(cell(column)).ok_or(UnreadableCell::Time(column));
        match self {
            Dates::Column(column, format) => format.read(cell(*column)).ok_or(UnreadableCell::Date(*column, format)),
            Dates::WithTime(column, format, time_column, time_format) => {
                let (time, offset) = clock(*time_column, *time_format)?;
                let day = format.read(cell(*column)).ok_or(UnreadableCell::Date(*column, format))?;
                // A date column may have midnights with an offset.
                Ok(Moment { time: Some(time), offset: offset.or(day.offset), ..day })
            }
            Dates::Given(date, column, format) => {
                let (time, offset) = clock(*column, *format)?;
                Ok(Moment { date: *date, time: Some(time), offset })
            }
        }
    }
}
