//! Field cache: the rules that field names imply, kept from record to record.
//!
//! The records of a topic mostly have the same fields. The cache therefore determines once per name, not once per
//! record, whether the name is taken by a coordinate, whether the field is a column or the partition field, and which
//! other names are equal ignoring case.

use super::MAX_CACHED_FIELDS;
use super::name_check::NameId;
use crate::config::Config;
use lake_format::columns::Columns;
use lake_format::field_names::{fold, is_same_name};
use lake_format::json::Field;
use lake_format::keys::KeyLayout;
use lake_format::record_line;

/// Rules for a field's value, implied by the field's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FieldRules {
    /// The field has the name of a coordinate or of metadata that the sink adds, so the record is invalid.
    pub(crate) is_taken: bool,
    /// Index of the column that must accept the value; `None` if the field is not a column.
    pub(crate) column: Option<usize>,
    /// The value becomes part of the object's key.
    pub(crate) is_partition_field: bool,
    /// Every plain number of up to [`lake_format::columns::MAX_FINITE_NUMBER_LEN`] bytes is valid.
    pub(crate) accepts_any_number: bool,
    /// Every plain string is valid.
    pub(crate) accepts_any_string: bool,
}

/// A field name and what it implies.
#[derive(Debug)]
struct CachedName {
    /// The name as it is written, escapes included.
    written: String,
    /// The name without escapes.
    name: String,
    id: NameId,
    rules: FieldRules,
}

/// Cache of the rules and the [`NameId`] of each field name.
#[derive(Debug)]
pub(crate) struct FieldCache<'c> {
    pub(crate) columns: &'c Columns,
    layout: &'c KeyLayout,
    names: Vec<CachedName>,
}

impl<'c> FieldCache<'c> {
    pub(crate) fn new(config: &'c Config) -> Self {
        FieldCache { columns: &config.columns, layout: &config.layout, names: Vec::new() }
    }

    /// Returns the rules for a field and the ID of its name, and caches both. If the cache is full, a new name gets no
    /// ID.
    pub(crate) fn rules(&mut self, field: &Field<'_>) -> (FieldRules, Option<NameId>) {
        if let Some(known) = self.names.iter().find(|known| known.written == field.name) {
            return (known.rules, Some(known.id));
        }
        let name = field.name();
        let is_taken = record_line::is_coordinate(&name) || self.layout.metadata.adds(&name);
        let column = self.columns.index_of(&name);
        let is_partition_field = self.layout.partition_field.as_deref().is_some_and(|field| is_same_name(field, &name));
        let (accepts_any_number, accepts_any_string) = match column {
            _ if is_taken || is_partition_field => (false, false),
            Some(index) => self.columns.accepts_all_plain(index),
            None => (true, true),
        };
        let rules = FieldRules { is_taken, column, is_partition_field, accepts_any_number, accepts_any_string };
        (rules, self.add(field.name, &name, rules))
    }

    /// Caches a name and returns its ID, or returns `None` if the cache is full.
    fn add(&mut self, written: &str, name: &str, rules: FieldRules) -> Option<NameId> {
        if self.names.len() >= MAX_CACHED_FIELDS {
            return None;
        }
        let next = u16::try_from(self.names.len()).ok()?;
        let folded = fold(name);
        let same = self.names.iter().find(|known| fold(&known.name) == folded);
        let equal = self.names.iter().find(|known| known.name == name);
        let id = NameId {
            exact: equal.map_or(next, |known| known.id.exact),
            folded: same.map_or(next, |known| known.id.folded),
        };
        self.names.push(CachedName { written: written.to_owned(), name: name.to_owned(), id, rules });
        Some(id)
    }

    /// Returns the name with this [`NameId::exact`], or an empty string if no name has it.
    pub(crate) fn name(&self, exact: u16) -> &str {
        self.names.get(usize::from(exact)).map_or("", |known| &known.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lake_format::json::{JsonError, Visitor, validate};

    struct RulesVisitor<'n, 'c>(&'n mut FieldCache<'c>, Vec<FieldRules>);

    impl<'a> Visitor<'a> for RulesVisitor<'_, '_> {
        type Error = JsonError;

        fn visit_field(&mut self, field: Field<'a>) -> Result<(), JsonError> {
            self.1.push(self.0.rules(&field).0);
            Ok(())
        }
    }

    fn rules(cache: &mut FieldCache<'_>, value: &str) -> Vec<FieldRules> {
        let mut visitor = RulesVisitor(cache, Vec::new());
        validate(value, &mut visitor).unwrap();
        visitor.1
    }

    #[test]
    fn rules_do_not_depend_on_order_case_escapes_or_the_cache() {
        let mut config = Config { columns: "open:double,close:double".parse().unwrap(), ..Config::new("b") };
        config.layout.partition_field = Some("sector".to_owned());
        let mut cache = FieldCache::new(&config);
        let none = FieldRules {
            is_taken: false,
            column: None,
            is_partition_field: false,
            accepts_any_number: false,
            accepts_any_string: false,
        };
        let close = FieldRules { column: Some(1), accepts_any_number: true, ..none };
        let sector = FieldRules { is_partition_field: true, ..none };
        let coordinate = FieldRules { is_taken: true, ..none };
        for _ in 0..2 {
            assert_eq!(rules(&mut cache, r#"{"close":1,"sector":"x"}"#), [close, sector]);
            assert_eq!(rules(&mut cache, r#"{"Sector":"x","\u0063lose":1}"#), [sector, close]);
            assert_eq!(rules(&mut cache, r#"{"kafka_offset":1,"close":1,"close":2}"#), [coordinate, close, close]);
        }
        for number in 0..2 * MAX_CACHED_FIELDS {
            rules(&mut cache, &format!("{{\"a{number}\":1}}"));
        }
        assert_eq!(cache.names.len(), MAX_CACHED_FIELDS);
        assert_eq!(rules(&mut cache, r#"{"SECTOR":"x","close":1}"#), [sector, close]);
    }
}
