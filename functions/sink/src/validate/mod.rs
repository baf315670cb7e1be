//! Validates a record's value: it must be JSON that every parser accepts, and its fields must fit the table.
//!
//! The records of a topic resemble each other, so three parts of the validator remember results from earlier records:
//!
//! - `field_cache`: the rules that a field's name implies, for example because the field is a column, the partition
//!   field or named like a coordinate.
//! - `name_check`: finds names of a record that differ only in case, using the numbers that `field_cache` assigns to
//!   names.
//! - `schema_cache`: the fields of the last record and the text between their values. In a record with the same schema,
//!   only the values are validated.
//!
//! None of them changes the result: a property test compares each record with the same record validated alone.

mod field_cache;
mod name_check;
mod schema_cache;

use std::borrow::Cow;

use crate::config::Config;
use crate::validate::field_cache::{FieldCache, FieldRules};
use crate::validate::name_check::NameCheck;
use crate::validate::schema_cache::{PADDING, PlainField, SchemaCache};
use lake_format::InvalidRecord;
use lake_format::columns::Columns;
use lake_format::field_names::FieldNames;
use lake_format::json::{self, Field, Object, Visitor};
use lake_format::keys::KeyLayout;
use lake_format::record_line;

/// Maximum number of fields in each cache, which bounds memory if records keep introducing new fields. The rules of
/// further names are determined each time, and the schema of a record with more fields is not cached.
const MAX_CACHED_FIELDS: usize = 256;

/// Validator of the values of a batch's records.
#[derive(Debug)]
pub(crate) struct Validator<'c> {
    layout: &'c KeyLayout,
    field_cache: FieldCache<'c>,
    /// `None` if names that differ in case are different fields.
    name_check: Option<NameCheck>,
    schema_cache: SchemaCache,
}

/// Result of validating a valid value.
#[derive(Debug)]
pub(crate) struct Validated {
    /// Position of the JSON object in the value.
    pub(crate) object: Object,
    /// Value of the partition field, if the layout has a partition field and the record has a value for it.
    pub(crate) partition_value: Option<Cow<'static, str>>,
}

impl<'c> Validator<'c> {
    pub(crate) fn new(config: &'c Config) -> Self {
        let is_checked = config.layout.field_names == FieldNames::IgnoreCase;
        Validator {
            layout: &config.layout,
            field_cache: FieldCache::new(config),
            name_check: is_checked.then(NameCheck::default),
            schema_cache: SchemaCache::default(),
        }
    }

    #[cfg(test)]
    pub(crate) fn schema_cache(&self) -> &SchemaCache {
        &self.schema_cache
    }

    /// Validates the value from `start` to the end of `lines`.
    ///
    /// # Errors
    /// [`InvalidRecord`], the reason to quarantine the record.
    #[inline]
    pub(crate) fn validate(&mut self, lines: &mut Vec<u8>, start: usize) -> Result<Validated, InvalidRecord> {
        let end = lines.len();
        lines.extend_from_slice(&PADDING);
        let mut fields =
            FieldValidator { layout: self.layout, columns: self.field_cache.columns, partition_value: None };
        let is_valid = self.schema_cache.accepts(&lines[start..], |field| fields.accepts_plain(field));
        lines.truncate(end);
        let object =
            if is_valid { Object::bare(end - start) } else { self.validate_in_full(&lines[start..], &mut fields)? };
        Ok(Validated { object, partition_value: fields.partition_value })
    }

    /// Validates a value byte by byte and caches its schema.
    fn validate_in_full(&mut self, value: &[u8], fields: &mut FieldValidator<'c>) -> Result<Object, InvalidRecord> {
        fields.partition_value = None;
        let text = std::str::from_utf8(value).map_err(|error| InvalidRecord::NotUtf8 { at: error.valid_up_to() })?;
        self.schema_cache.clear();
        let Validator { field_cache, name_check, schema_cache, .. } = self;
        if let Some(check) = name_check {
            check.begin_record();
        }
        let mut visitor = CachingVisitor { text, fields, field_cache, name_check, schema_cache, end: 0 };
        let mut object = json::validate(text, &mut visitor);
        if let (Ok(_), Some(check)) = (&object, name_check)
            && let Err(reason) = check.finish(text)
        {
            object = Err(reason);
        }
        // The cache only matches objects on one line without white space around them.
        if !matches!(&object, Ok(object) if *object == Object::bare(value.len())) {
            self.schema_cache.clear();
        }
        object
    }
}

/// Validator of a record's fields, which keeps the value of the partition field.
struct FieldValidator<'c> {
    layout: &'c KeyLayout,
    columns: &'c Columns,
    partition_value: Option<Cow<'static, str>>,
}

impl FieldValidator<'_> {
    /// Returns `true` if the field's plain value is valid. Keeps the value of the partition field.
    fn accepts_plain(&mut self, field: &PlainField<'_>) -> bool {
        let FieldRules { is_taken, column, is_partition_field, .. } = *field.rules;
        let is_accepted = column.is_some_and(|index| self.columns.accepts_plain(index, field.kind, field.value));
        (is_accepted && !is_taken && !is_partition_field)
            || field.to_field().is_some_and(|full| self.validate_value(field.rules, &full).is_ok())
    }

    fn validate_value(&mut self, rules: &FieldRules, field: &Field<'_>) -> Result<(), InvalidRecord> {
        if rules.is_taken {
            let name = field.name().into_owned();
            return Err(match record_line::is_coordinate(&name) {
                true => InvalidRecord::CoordinateName(name),
                false => InvalidRecord::MetadataName(name),
            });
        }
        if let Some(index) = rules.column {
            self.columns.validate(index, field)?;
        }
        if rules.is_partition_field {
            self.partition_value = self.layout.partition_value(field)?.map(|text| Cow::Owned(text.into_owned()));
        }
        Ok(())
    }
}

/// Visitor for the full validation: validates each field and caches the record's schema.
struct CachingVisitor<'r, 'c> {
    text: &'r str,
    fields: &'r mut FieldValidator<'c>,
    field_cache: &'r mut FieldCache<'c>,
    name_check: &'r mut Option<NameCheck>,
    schema_cache: &'r mut SchemaCache,
    /// Byte index in `text` of the end of the previous field's value.
    end: usize,
}

impl<'a> Visitor<'a> for CachingVisitor<'_, '_> {
    type Error = InvalidRecord;

    fn visit_field(&mut self, field: Field<'a>) -> Result<(), InvalidRecord> {
        let (rules, name) = self.field_cache.rules(&field);
        if let Some(other) = self.name_check.as_mut().and_then(|check| check.add(name)) {
            return Err(name_check::differ_in_case(self.field_cache.name(other), &field.name()));
        }
        self.fields.validate_value(&rules, &field)?;
        self.schema_cache.push(self.text, self.end, &field, rules);
        self.end = field.starts.1 + field.value.len();
        Ok(())
    }
}
