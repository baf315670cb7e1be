//! The shape that records have in common: the same fields in the same order, written in the same way.
//!
//! It is learned from a record that has been checked in full. Of the next that has it only the values are looked at,
//! sixteen bytes at once where they are plain, since all that stands between them has been checked before. A record of
//! another shape, and one that is wrong, is checked in full again.

use std::ops::Range;

use crate::validate::field_cache::Meaning;
use byte_scan::simd::{BLOCK, Block};
use lake_format::columns::MAX_FINITE_NUMBER_LEN;
use lake_format::json::{Field, Kind, plain};

/// What has to follow a value that is held against a shape, so that all of it can be read in blocks.
pub(crate) const PADDING: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

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
    /// What is written before the value, from the end of the value before: where it begins in `around`, and its length.
    lead: (usize, usize),
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
        let (name, value) = field.starts;
        let lead = &text.as_bytes()[end..value];
        let mut first = [0; BLOCK];
        let mut mask = [0; BLOCK];
        for (place, byte) in lead.iter().take(BLOCK).enumerate() {
            first[place] = *byte;
            mask[place] = 0xff;
        }
        let start = self.around.len();
        self.around.extend_from_slice(lead);
        self.fields.push(Expected {
            lead: (start, lead.len()),
            first: u128::from_le_bytes(first),
            mask: u128::from_le_bytes(mask),
            name: name - end..name - end + field.name.len(),
            meaning,
        });
    }

    /// Whether a value, which [`PADDING`] follows, has this shape, all its values are plain, and `look` has nothing
    /// against those that not any will do for. A function of its own, so that the loop has the registers to itself.
    #[inline(never)]
    pub(crate) fn fits(&self, padded: &[u8], mut look: impl FnMut(&Found<'_>) -> bool) -> bool {
        let mut rest = padded;
        for expected in &self.fields {
            let Some(block) = expected.after_lead(rest, &self.around) else { return false };
            let start = expected.lead.1;
            let (end, kind) = match plain::scan_block(block) {
                Some((length, kind)) => (start + length, kind),
                None => match plain::scan_long(rest, start) {
                    Some(long) => long,
                    None => return false,
                },
            };
            let any_will_do = match kind {
                Kind::Number => expected.meaning.any_number && end - start <= MAX_FINITE_NUMBER_LEN,
                _ => expected.meaning.any_string,
            };
            if !any_will_do && !look(&expected.found(rest, start..end, kind, padded.len() - rest.len())) {
                return false;
            }
            let Some(next) = rest.get(end..) else { return false };
            rest = next;
        }
        !self.fields.is_empty() && rest.split_last_chunk() == Some((b"}", &PADDING))
    }
}

impl Expected {
    /// What the value begins with, if this is what is written before it.
    #[inline]
    fn after_lead<'t>(&self, text: &'t [u8], around: &[u8]) -> Option<&'t Block> {
        let window: &[u8; 2 * BLOCK] = text.first_chunk()?;
        let (lead, _) = window.split_first_chunk()?;
        if (u128::from_le_bytes(*lead) ^ self.first) & self.mask != 0 {
            return None;
        }
        let (start, length) = self.lead;
        if length <= BLOCK {
            return window[length..].first_chunk();
        }
        text.strip_prefix(&around[start..start + length])?.first_chunk()
    }

    fn found<'t>(&'t self, text: &'t [u8], value: Range<usize>, kind: Kind, at: usize) -> Found<'t> {
        let places = (at + self.name.start, at + value.start);
        Found { meaning: &self.meaning, name: &text[self.name.clone()], value: &text[value], kind, places }
    }
}

/// A plain value that not any other would do for.
#[derive(Debug)]
pub(crate) struct Found<'t> {
    pub(crate) meaning: &'t Meaning,
    name: &'t [u8],
    pub(crate) value: &'t [u8],
    pub(crate) kind: Kind,
    places: (usize, usize),
}

impl<'t> Found<'t> {
    /// As it is told of a record that is checked in full.
    pub(crate) fn field(&self) -> Option<Field<'t>> {
        let (name, value) = (str::from_utf8(self.name).ok()?, str::from_utf8(self.value).ok()?);
        Some(Field { name, value, kind: self.kind, starts: self.places })
    }
}

#[cfg(test)]
mod tests {
    use base64_simd::STANDARD;
    use proptest::prelude::*;
    use proptest::sample::{Index, select};

    use crate::batch::Batch;
    use crate::config::Config;
    use crate::testing::record;
    use crate::validate::Checker;
    use lambda_kafka_event::{Payload, Record};

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
    fn rendered(values: &[Vec<u8>]) -> Vec<(String, String)> {
        let config = config();
        let mut batch = Batch::new(&config, 0);
        for (offset, value) in (0..).zip(values) {
            let value = Payload::Base64(STANDARD.encode_to_string(value).into_bytes().into());
            batch.add(&Record { value, ..record(0, offset) });
        }
        let line = |line: &[u8]| String::from_utf8(line.to_vec()).unwrap();
        let part = &batch.parts()[0];
        batch.records(part).iter().map(|record| (part.prefixes[record.group].clone(), line(record.line))).collect()
    }

    fn fits(known: &[u8], value: &[u8]) -> bool {
        let config = config();
        let mut checker = Checker::new(&config);
        let _ = checker.check(&mut known.to_vec(), 0);
        checker.shape().fits(&[value, &PADDING].concat(), |_| true)
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
                b"kafka_offset", b"12345678901234567890", b"\x00", b"cut off",
            ])))), 1..12),
        ) {
            let values: Vec<Vec<u8>> = values.into_iter().map(|(value, cut)| {
                let mut value = value.to_vec();
                if let Some((place, length, put)) = cut {
                    let place = place.index(value.len());
                    if put == b"cut off" {
                        value.truncate(place);
                        return value;
                    }
                    value.splice(place..(place + length).min(value.len()), put.iter().copied());
                }
                value
            }).collect();
            let together = rendered(&values);
            let alone: Vec<_> = (0..values.len()).map(|place| {
                // The offset of each stays what it is.
                let mut until = vec![b"?".to_vec(); place];
                until.push(values[place].clone());
                rendered(&until).remove(place)
            }).collect();
            prop_assert_eq!(together, alone);
        }
    }
}
