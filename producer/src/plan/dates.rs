//! Where the date and the time of a row are, and how a row's cells become a moment.

use jiff::civil::Date;

use super::TimeFormat;
use super::date_format::DateFormat;
use super::moment::Moment;

/// Where the date of a row is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dates {
    /// In one column, perhaps with the time of day.
    Column(usize, DateFormat),
    /// In one column, and the time of day in a second.
    WithTime(usize, DateFormat, usize, TimeFormat),
    /// Every row has this date; the time of day is in a column.
    Given(Date, usize, TimeFormat),
}

/// The cell because of which a row has no moment.
#[derive(Clone, Copy, Debug)]
pub(crate) enum UnreadableCell<'a> {
    /// The column of the date, and its format.
    Date(usize, &'a DateFormat),
    /// The column of the time of day.
    Time(usize),
}

impl Dates {
    /// Returns the columns that hold the date and the time, the date's first.
    pub(crate) fn columns(&self) -> impl DoubleEndedIterator<Item = usize> {
        let (first, second) = match *self {
            Dates::Column(column, _) | Dates::Given(_, column, _) => (column, None),
            Dates::WithTime(date, _, time, _) => (date, Some(time)),
        };
        std::iter::once(first).chain(second)
    }

    /// Reads the moment of a row, of which `cell` returns the cells without blanks around them.
    ///
    /// # Errors
    /// The first cell that cannot be read, the time before the date.
    pub(crate) fn read<'c>(&self, cell: impl Fn(usize) -> &'c str) -> Result<Moment, UnreadableCell<'_>> {
        let clock = |column: usize, format: TimeFormat| format.read(cell(column)).ok_or(UnreadableCell::Time(column));
        match self {
            Dates::Column(column, format) => format.read(cell(*column)).ok_or(UnreadableCell::Date(*column, format)),
            Dates::WithTime(column, format, time_column, time_format) => {
                let (time, offset) = clock(*time_column, *time_format)?;
                let day = format.read(cell(*column)).ok_or(UnreadableCell::Date(*column, format))?;
                Ok(Moment { time: Some(time), offset, ..day })
            }
            Dates::Given(date, column, format) => {
                let (time, offset) = clock(*column, *format)?;
                Ok(Moment { date: *date, time: Some(time), offset })
            }
        }
    }
}
