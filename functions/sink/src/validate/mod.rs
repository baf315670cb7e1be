//! Whether a record's value can be a line: JSON that every reader takes, with nothing that the table could not hold.

mod field_cache;
mod schema_cache;

use std::borrow::Cow;

use crate::config::Config;
use crate::validate::field_cache::{Meaning, Names};
use crate::validate::schema_cache::{Found, PADDING, Shape};
use lake_format::InvalidRecord;
use lake_format::columns::Columns;
use lake_format::json::{self, Field, Object, Visitor};
use lake_format::keys::KeyLayout;

/// Checks values, and remembers what they have in common.
#[derive(Debug)]
pub(crate) struct Checker<'c> {
    layout: &'c KeyLayout,
    names: Names<'c>,
    shape: Shape,
}

/// A good value.
#[derive(Debug)]
pub(crate) struct Checked {
    /// Where its object is.
    pub(crate) object: Object,
    /// What names the record's partition.
    pub(crate) partition: Option<Cow<'static, str>>,
}

impl<'c> Checker<'c> {
    /// A checker of these settings.
    pub(crate) fn new(config: &'c Config) -> Self {
        Checker { layout: &config.layout, names: Names::new(config), shape: Shape::default() }
    }

    #[cfg(test)]
    pub(crate) fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Checks the value that begins at `start` and ends where `lines` ends.
    ///
    /// # Errors
    /// Why the record is poison.
    #[inline]
    pub(crate) fn check(&mut self, lines: &mut Vec<u8>, start: usize) -> Result<Checked, InvalidRecord> {
        let end = lines.len();
        lines.extend_from_slice(&PADDING);
        let mut fields = Fields { layout: self.layout, columns: self.names.columns, partition: None };
        let fits = self.shape.fits(&lines[start..], |found| fields.take(found));
        lines.truncate(end);
        let object = if fits { Object::bare(end - start) } else { self.in_full(&lines[start..], &mut fields)? };
        Ok(Checked { object, partition: fields.partition })
    }

    /// Checks a value byte by byte, and learns its shape.
    fn in_full(&mut self, value: &[u8], fields: &mut Fields<'c>) -> Result<Object, InvalidRecord> {
        fields.partition = None;
        let text = std::str::from_utf8(value).map_err(|error| InvalidRecord::NotUtf8 { at: error.valid_up_to() })?;
        self.shape.begin();
        let (names, shape) = (&mut self.names, &mut self.shape);
        let object = json::validate(text, &mut Learning { text, fields, names, shape, end: 0 });
        // The shape is that of a record with nothing around it, on one line.
        if !matches!(&object, Ok(object) if *object == Object::bare(value.len())) {
            self.shape.begin();
        }
        object
    }
}

/// What a record's fields are looked at for.
struct Fields<'c> {
    layout: &'c KeyLayout,
    columns: &'c Columns,
    /// What names the record's partition.
    partition: Option<Cow<'static, str>>,
}

impl Fields<'_> {
    /// Whether there is nothing against a plain value.
    fn take(&mut self, found: &Found<'_>) -> bool {
        let Meaning { is_coordinate, column, names_partition, .. } = *found.meaning;
        let is_held = column.is_some_and(|place| self.columns.accepts_plain(place, found.kind, found.value));
        (is_held && !is_coordinate && !names_partition)
            || found.field().is_some_and(|field| self.look(found.meaning, &field).is_ok())
    }

    fn look(&mut self, meaning: &Meaning, field: &Field<'_>) -> Result<(), InvalidRecord> {
        if meaning.is_coordinate {
            return Err(InvalidRecord::CoordinateName(field.name().into_owned()));
        }
        if let Some(place) = meaning.column {
            self.columns.validate(place, field)?;
        }
        if meaning.names_partition {
            self.partition = self.layout.partition_value(field)?.map(|text| Cow::Owned(text.into_owned()));
        }
        Ok(())
    }
}

/// Looks at all fields of a record that is checked in full, and learns its shape.
struct Learning<'r, 'c> {
    text: &'r str,
    fields: &'r mut Fields<'c>,
    names: &'r mut Names<'c>,
    shape: &'r mut Shape,
    /// Where the value before has ended.
    end: usize,
}

impl<'a> Visitor<'a> for Learning<'_, '_> {
    type Error = InvalidRecord;

    fn visit_field(&mut self, field: Field<'a>) -> Result<(), InvalidRecord> {
        let meaning = self.names.meaning(&field);
        self.fields.look(&meaning, &field)?;
        self.shape.push(self.text, self.end, &field, meaning);
        self.end = field.starts.1 + field.value.len();
        Ok(())
    }
}
