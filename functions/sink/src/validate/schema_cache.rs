//! Schema cache: the fields of the last record and the text between their values.
//!
//! The cache learns from each record that is validated in full. It keeps the text before each value, the *lead*: the
//! separator after the previous field, the field's name and the colon:
//!
//! ```text
//! {"symbol":"HSI","open":118.56,"volume":9616100}
//! <-------->     <------>      <-------->          cached: compared with the next record
//!           <--->        <---->          <----->   values: validated again, sixteen bytes at a time
//! ```
//!
//! The leads have been validated once, so in a record with the same leads, only the values can be invalid. A record
//! with a different lead, a value that is not plain, or an invalid value is validated in full.

use std::ops::Range;

use super::MAX_CACHED_FIELDS;
use crate::validate::field_cache::FieldRules;
use byte_scan::simd::{BLOCK, Block};
use lake_format::columns::MAX_FINITE_NUMBER_LEN;
use lake_format::json::{Field, Kind, plain};

/// Bytes that must follow a value so that all of the value can be read in whole blocks.
pub(crate) const PADDING: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

/// The schema of the last record that was validated in full.
#[derive(Debug, Default)]
pub(crate) struct SchemaCache {
    /// The leads of all fields, concatenated.
    leads: Vec<u8>,
    fields: Vec<CachedField>,
}

#[derive(Debug)]
struct CachedField {
    /// Start in `leads` and length of the lead, the text between the previous value and this one.
    lead: (usize, usize),
    /// First block of the lead, padded with zeros.
    first_block: u128,
    /// Mask of the bytes of `first_block` that belong to the lead.
    first_mask: u128,
    /// Byte range of the field's name in the lead.
    name: Range<usize>,
    rules: FieldRules,
}

impl SchemaCache {
    /// Forgets the schema. A cleared cache accepts no record.
    pub(crate) fn clear(&mut self) {
        self.leads.clear();
        self.fields.clear();
    }

    /// Adds the next field of the record `text`. `end` is the byte index of the end of the previous field's value.
    pub(crate) fn push(&mut self, text: &str, end: usize, field: &Field<'_>, rules: FieldRules) {
        if self.fields.len() == MAX_CACHED_FIELDS {
            // The incomplete schema does not match this record, because its last field must be the record's last.
            return;
        }
        let (name, value) = field.starts;
        let lead = &text.as_bytes()[end..value];
        let mut first_block = [0; BLOCK];
        let mut first_mask = [0; BLOCK];
        for (index, byte) in lead.iter().take(BLOCK).enumerate() {
            first_block[index] = *byte;
            first_mask[index] = 0xff;
        }
        let start = self.leads.len();
        self.leads.extend_from_slice(lead);
        self.fields.push(CachedField {
            lead: (start, lead.len()),
            first_block: u128::from_le_bytes(first_block),
            first_mask: u128::from_le_bytes(first_mask),
            name: name - end..name - end + field.name.len(),
            rules,
        });
    }

    /// Returns `true` if a value has this schema and all its fields are plain and valid. `padded` is the value followed
    /// by [`PADDING`]. Calls `is_valid` for the fields whose rules do not accept every plain value.
    ///
    /// Not inlined, because the loop would then compete with its caller for registers.
    #[inline(never)]
    pub(crate) fn accepts(&self, padded: &[u8], mut is_valid: impl FnMut(&PlainField<'_>) -> bool) -> bool {
        let mut rest = padded;
        for field in &self.fields {
            let Some(block) = field.after_lead(rest, &self.leads) else { return false };
            let start = field.lead.1;
            let (end, kind) = match plain::scan_block(block) {
                Some((length, kind)) => (start + length, kind),
                None => match plain::scan_long(rest, start) {
                    Some(long) => long,
                    None => return false,
                },
            };
            let accepts_any = match kind {
                Kind::Number => field.rules.accepts_any_number && end - start <= MAX_FINITE_NUMBER_LEN,
                _ => field.rules.accepts_any_string,
            };
            if !accepts_any && !is_valid(&field.plain_field(rest, start..end, kind, padded.len() - rest.len())) {
                return false;
            }
            let Some(next) = rest.get(end..) else { return false };
            rest = next;
        }
        !self.fields.is_empty() && rest.split_last_chunk() == Some((b"}", &PADDING))
    }
}

impl CachedField {
    /// Returns the first block of the value if `text` begins with the lead.
    #[inline]
    fn after_lead<'t>(&self, text: &'t [u8], leads: &[u8]) -> Option<&'t Block> {
        let window: &[u8; 2 * BLOCK] = text.first_chunk()?;
        let (lead, _) = window.split_first_chunk()?;
        if (u128::from_le_bytes(*lead) ^ self.first_block) & self.first_mask != 0 {
            return None;
        }
        let (start, length) = self.lead;
        if length <= BLOCK {
            return window[length..].first_chunk();
        }
        text.strip_prefix(&leads[start..start + length])?.first_chunk()
    }

    fn plain_field<'t>(&'t self, text: &'t [u8], value: Range<usize>, kind: Kind, at: usize) -> PlainField<'t> {
        let starts = (at + self.name.start, at + value.start);
        PlainField { rules: &self.rules, name: &text[self.name.clone()], value: &text[value], kind, starts }
    }
}

/// A field with a plain value.
#[derive(Debug)]
pub(crate) struct PlainField<'t> {
    pub(crate) rules: &'t FieldRules,
    name: &'t [u8],
    pub(crate) value: &'t [u8],
    pub(crate) kind: Kind,
    starts: (usize, usize),
}

impl<'t> PlainField<'t> {
    /// Returns the field as the full validation passes it to its visitor, or `None` if the field is not UTF-8.
    pub(crate) fn to_field(&self) -> Option<Field<'t>> {
        let (name, value) = (str::from_utf8(self.name).ok()?, str::from_utf8(self.value).ok()?);
        Some(Field { name, value, kind: self.kind, starts: self.starts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::validate::Validator;

    const COMPACT: &[u8] =
        br#"{"symbol":"HSI","trade_date":"2020-01-31","open":118.56,"volume":9616100,"name_of_the_exchange":"HK"}"#;
    const SPACED: &[u8] =
        br#"{"symbol": "HSI", "trade_date": "2020-01-31", "open": 118.5, "volume": 96161001234567890}"#;

    /// Returns `true` if a validator that has validated `known` finds the same schema in `value`.
    fn has_schema_of(known: &[u8], value: &[u8]) -> bool {
        let columns = "symbol:string,trade_date:date,open:double,volume:bigint".parse().unwrap();
        let mut config = Config { columns, ..Config::new("b") };
        config.layout.partition_field = Some("symbol".to_owned());
        let mut validator = Validator::new(&config);
        let _ = validator.validate(&mut known.to_vec(), 0);
        validator.schema_cache().accepts(&[value, &PADDING].concat(), |_| true)
    }

    #[test]
    fn records_that_differ_in_plain_values_have_one_schema() {
        for known in [COMPACT, SPACED] {
            assert!(has_schema_of(known, known));
            let text = str::from_utf8(known).unwrap();
            assert!(has_schema_of(known, text.replace("HSI", "a longer name").replace("118.5", "-0.5").as_bytes()));
            for (from, to) in
                [("HSI", "größe"), ("HSI", "a\\n"), ("118", "0118"), ("\"open\"", "\"0pen\""), ("}", "}}"), ("}", "")]
            {
                assert!(!has_schema_of(known, text.replace(from, to).as_bytes()), "{from} {to}");
            }
        }
        assert!(!has_schema_of(COMPACT, SPACED));
    }

    #[test]
    fn long_schema_is_not_cached() {
        let with_fields = |fields: usize| format!("{{{}}}", vec!["\"a\":1"; fields].join(",")).into_bytes();
        let (longest, too_long) = (with_fields(MAX_CACHED_FIELDS), with_fields(MAX_CACHED_FIELDS + 1));
        assert!(has_schema_of(&longest, &longest) && !has_schema_of(&too_long, &too_long));
    }

    #[test]
    fn only_bare_objects_with_fields_are_cached() {
        for (known, value) in [
            (&b"{}"[..], &b"{}"[..]),
            (b"{}", b"}"),
            (b"", b""),
            (b"[1]", b"}"),
            (b" {\"a\":1}", b" {\"a\":1}"),
            (b"{\"a\":\n1}", b"{\"a\":\n1}"),
        ] {
            assert!(!has_schema_of(known, value), "{value:?}");
        }
    }
}
