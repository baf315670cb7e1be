//! What the names of fields mean to the sink, remembered from record to record.
//!
//! The records of a topic have the same fields in the same order, more often than not: whether a name is one of the
//! coordinates', which column it is and whether it names the partition is asked once, not for each record.

use crate::config::Config;
use lake_format::columns::Columns;
use lake_format::json::Field;
use lake_format::keys::KeyLayout;
use lake_format::record_line;

/// Names beyond these are looked up each time, so that records of ever other names take no memory.
const MOST: usize = 256;

/// What a field's name means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Meaning {
    /// The record must not have it.
    pub(crate) is_coordinate: bool,
    /// The place of the column whose type its value must have.
    pub(crate) column: Option<usize>,
    /// Its value is part of the object's key.
    pub(crate) names_partition: bool,
    /// No plain number, and no plain string, has to be looked at: any will do.
    pub(crate) any_number: bool,
    pub(crate) any_string: bool,
}

/// The names that were met.
#[derive(Debug)]
pub(crate) struct Names<'c> {
    pub(crate) columns: &'c Columns,
    layout: &'c KeyLayout,
    /// As they were written.
    met: Vec<(String, Meaning)>,
}

impl<'c> Names<'c> {
    pub(crate) fn new(config: &'c Config) -> Self {
        Names { columns: &config.columns, layout: &config.layout, met: Vec::new() }
    }

    /// What a field's name means.
    pub(crate) fn meaning(&mut self, field: &Field<'_>) -> Meaning {
        if let Some((_, meaning)) = self.met.iter().find(|(name, _)| name == field.name) {
            return *meaning;
        }
        let name = field.name();
        let is_coordinate = record_line::is_coordinate(&name);
        let column = self.columns.index_of(&name);
        let names_partition =
            self.layout.partition_field.as_deref().is_some_and(|own| record_line::is_same_name(own, &name));
        let (any_number, any_string) = match column {
            _ if is_coordinate || names_partition => (false, false),
            Some(place) => self.columns.accepts_all_plain(place),
            None => (true, true),
        };
        let meaning = Meaning { is_coordinate, column, names_partition, any_number, any_string };
        if self.met.len() < MOST {
            self.met.push((field.name.to_owned(), meaning));
        }
        meaning
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lake_format::json::{JsonError, Visitor, validate};

    struct Meanings<'n, 'c>(&'n mut Names<'c>, Vec<Meaning>);

    impl<'a> Visitor<'a> for Meanings<'_, '_> {
        type Error = JsonError;

        fn visit_field(&mut self, field: Field<'a>) -> Result<(), JsonError> {
            self.1.push(self.0.meaning(&field));
            Ok(())
        }
    }

    fn meanings(names: &mut Names<'_>, value: &str) -> Vec<Meaning> {
        let mut meanings = Meanings(names, Vec::new());
        validate(value, &mut meanings).unwrap();
        meanings.1
    }

    #[test]
    fn a_name_means_the_same_wherever_it_stands_however_it_is_written_and_whatever_was_met_before() {
        let mut config = Config { columns: "open:double,close:double".parse().unwrap(), ..Config::new("b") };
        config.layout.partition_field = Some("sector".to_owned());
        let mut names = Names::new(&config);
        let none = Meaning {
            is_coordinate: false,
            column: None,
            names_partition: false,
            any_number: false,
            any_string: false,
        };
        let close = Meaning { column: Some(1), any_number: true, ..none };
        let sector = Meaning { names_partition: true, ..none };
        let coordinate = Meaning { is_coordinate: true, ..none };
        for _ in 0..2 {
            assert_eq!(meanings(&mut names, r#"{"close":1,"sector":"x"}"#), [close, sector]);
            assert_eq!(meanings(&mut names, r#"{"Sector":"x","\u0063lose":1}"#), [sector, close]);
            assert_eq!(meanings(&mut names, r#"{"kafka_offset":1,"close":1,"close":2}"#), [coordinate, close, close]);
        }
        for number in 0..2 * MOST {
            meanings(&mut names, &format!("{{\"a{number}\":1}}"));
        }
        assert_eq!(names.met.len(), MOST);
        assert_eq!(meanings(&mut names, r#"{"SECTOR":"x","close":1}"#), [sector, close]);
    }
}
