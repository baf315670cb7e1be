//! The shape that records have in common: the same fields in the same order, written in the same way.
//!
//! It is learned from a record that has been checked in full. Of the next that has it only the values are looked at,
//! eight bytes at once where they are plain, since all that stands between them has been checked before. A record of
//! another shape, and one that is wrong, is checked in full again.

use std::ops::Range;

use crate::columns::SHORT;
use crate::json::{Field, Kind, plain};
use crate::names::Meaning;

/// What has to follow a value that is held against a shape, so that all of it can be read in blocks.
pub(crate) const PADDING: [u8; BLOCK] = [0; BLOCK];
const BLOCK: usize = 16;

/// A record of more fields is none that others resemble, and takes no memory here.
const MOST: usize = 256;

/// The shape of the last record that was checked in full.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    /// All that is written around the values, in one.
    around: Vec<u8>,
    fields: Vec<Expected>,
}

/// A field of it.
#[derive(Debug)]
struct Expected {
    /// What is written before the value, from the end of the value before: in `around`.
    lead: Range<usize>,
    /// Its first bytes, and ones where it has any.
    first: u128,
    mask: u128,
    /// The field's name in the lead.
    name: Range<usize>,
    meaning: Meaning,
}

impl Shape {
    /// Forgets what it was; its fields follow.
    pub(crate) fn begin(&mut self) {
        self.around.clear();
        self.fields.clear();
    }

    /// The next field, `end` being where the value before has ended.
    pub(crate) fn push(&mut self, text: &str, end: usize, field: &Field<'_>, meaning: Meaning) {
        if self.fields.len() == MOST {
            // Without the rest it does not fit the record that it was learned from, nor any like it.
            return;
        }
        let (name, value) = field.places;
        let lead = &text.as_bytes()[end..value];
        let mut first = PADDING;
        let mut mask = PADDING;
        for (place, byte) in lead.iter().take(BLOCK).enumerate() {
            first[place] = *byte;
            mask[place] = 0xff;
        }
        let start = self.around.len();
        self.around.extend_from_slice(lead);
        self.fields.push(Expected {
            lead: start..self.around.len(),
            first: u128::from_le_bytes(first),
            mask: u128::from_le_bytes(mask),
            name: name - end..name - end + field.name.len(),
            meaning,
        });
    }

    /// Whether a value, which [`PADDING`] follows, has this shape, all its values are plain, and `look` has nothing
    /// against those that not any will do for.
    pub(crate) fn fits(&self, padded: &[u8], mut look: impl FnMut(&Meaning, &Field<'_>) -> bool) -> bool {
        let mut at = 0;
        for expected in &self.fields {
            let Some(value) = expected.after_lead(padded, at, &self.around) else { return false };
            let Some((end, kind)) = plain::value(padded, value) else { return false };
            let passes = match kind {
                Kind::Number => expected.meaning.any_number && end - value <= SHORT,
                _ => expected.meaning.any_string,
            };
            if !passes {
                let name = at + expected.name.start..at + expected.name.end;
                let places = (name.start, value);
                let (Ok(name), Ok(text)) = (str::from_utf8(&padded[name]), str::from_utf8(&padded[value..end])) else {
                    return false;
                };
                if !look(&expected.meaning, &Field { name, value: text, kind, places }) {
                    return false;
                }
            }
            at = end;
        }
        !self.fields.is_empty() && padded.get(at..padded.len() - BLOCK) == Some(b"}")
    }
}

impl Expected {
    /// Where the value begins, if this is what is written before it.
    #[inline]
    fn after_lead(&self, padded: &[u8], at: usize, around: &[u8]) -> Option<usize> {
        let block = u128::from_le_bytes(*padded.get(at..)?.first_chunk()?);
        if (block ^ self.first) & self.mask != 0 {
            return None;
        }
        let length = self.lead.len();
        (length <= BLOCK || padded[at..].starts_with(&around[self.lead.clone()])).then_some(at + length)
    }
}

#[cfg(test)]
mod tests {
    use base64_simd::STANDARD;
    use proptest::prelude::*;
    use proptest::sample::{Index, select};

    use crate::config::Config;
    use crate::event::tests::record;
    use crate::event::{Payload, Record};
    use crate::part::{Part, Renderer, by_partition};

    use super::*;

    const COMPACT: &[u8] =
        br#"{"symbol":"HSI","trade_date":"2020-01-31","open":118.56,"volume":9616100,"name_of_the_exchange":"HK"}"#;
    const PYTHONS: &[u8] =
        br#"{"symbol": "HSI", "trade_date": "2020-01-31", "open": 118.5, "volume": 96161001234567890}"#;

    fn config() -> Config {
        let columns = "symbol:string,trade_date:date,open:double,volume:bigint".parse().unwrap();
        let mut config = Config { columns, ..Config::new("b") };
        config.layout.partition_field = Some("symbol".to_owned());
        config
    }

    /// The directory and the line of each record.
    fn rendered(renderer: &mut Renderer<'_>, values: &[Vec<u8>]) -> Vec<(String, String)> {
        let records: Vec<Record<'_>> = (0..)
            .zip(values)
            .map(|(offset, value)| Record {
                value: Payload::Base64(STANDARD.encode_to_string(value).into()),
                ..record(0, offset)
            })
            .collect();
        let [delivery] = &by_partition(&records)[..] else { return Vec::new() };
        let mut part = Part::new(delivery);
        delivery.records.iter().for_each(|record| renderer.add(record, &mut part));
        let line = |line: &[u8]| String::from_utf8(line.to_vec()).unwrap();
        part.records().iter().map(|record| (part.groups[record.group].clone(), line(record.line))).collect()
    }

    fn fits(known: &[u8], value: &[u8]) -> bool {
        let config = config();
        let mut renderer = Renderer::new(&config);
        rendered(&mut renderer, &[known.to_vec()]);
        renderer.shape().fits(&[value, &PADDING].concat(), |_, _| true)
    }

    #[test]
    fn a_record_has_the_shape_of_one_that_differs_in_its_values() {
        for known in [COMPACT, PYTHONS] {
            assert!(fits(known, known));
            let text = str::from_utf8(known).unwrap();
            assert!(fits(known, text.replace("HSI", "a longer name").replace("118.5", "-0.5").as_bytes()));
            for (from, to) in
                [("HSI", "größe"), ("HSI", "a\\n"), ("118", "0118"), ("\"open\"", "\"0pen\""), ("}", "}}"), ("}", "")]
            {
                assert!(!fits(known, text.replace(from, to).as_bytes()), "{from} {to}");
            }
        }
        let of = |fields: usize| format!("{{{}}}", vec!["\"a\":1"; fields].join(",")).into_bytes();
        assert!(fits(&of(MOST), &of(MOST)) && !fits(&of(MOST + 1), &of(MOST + 1)));
        assert!(!fits(b"{}", b"{}") && !fits(b"{}", b"}") && !fits(b"", b"") && !fits(b"[1]", b"}"));
        assert!(
            !fits(COMPACT, PYTHONS) && !fits(b" {\"a\":1}", b" {\"a\":1}") && !fits(b"{\"a\":\n1}", b"{\"a\":\n1}")
        );
    }

    proptest! {
        #[test]
        fn what_came_before_changes_nothing_of_a_record(
            values in prop::collection::vec((select(vec![COMPACT, PYTHONS, b"{\"a\":1}"]), prop::option::of((any::<Index>(), 0..3_usize, select(vec![
                &b""[..], b" ", b"\n", b"\"", b"\\", b"\\n", b"{", b"}", b"[]", b",", b":", b"0", b"-", b".", b"e5", b"null", b"\xff", "ö".as_bytes(),
                b"kafka_offset", b"12345678901234567890", b"\x00",
            ])))), 1..12),
        ) {
            let values: Vec<Vec<u8>> = values.into_iter().map(|(value, cut)| {
                let mut value = value.to_vec();
                if let Some((place, length, put)) = cut {
                    let place = place.index(value.len());
                    value.splice(place..(place + length).min(value.len()), put.iter().copied());
                }
                value
            }).collect();
            let config = config();
            let together = rendered(&mut Renderer::new(&config), &values);
            let alone: Vec<_> = (0..values.len()).map(|place| {
                // The offset of each stays what it is.
                let mut until = vec![b"?".to_vec(); place];
                until.push(values[place].clone());
                rendered(&mut Renderer::new(&config), &until).remove(place)
            }).collect();
            prop_assert_eq!(together, alone);
        }
    }
}
