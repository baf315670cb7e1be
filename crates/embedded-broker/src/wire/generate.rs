//! Generates requests from a [`Layout`], for the tests and the fuzzer.

use super::{Field, Kind, Layout};

/// Returns a request whose lengths and values are chosen by `choices`; after the last choice all are 0.
pub(crate) fn generate(layout: &Layout, version: i16, choices: &[u8]) -> Vec<u8> {
    let flexible = version >= layout.flexible_from;
    let mut writer = Writer { bytes: Vec::new(), version, flexible, choices: choices.iter() };
    writer.structure(layout.fields);
    writer.bytes
}

struct Writer<'a> {
    bytes: Vec<u8>,
    version: i16,
    flexible: bool,
    choices: std::slice::Iter<'a, u8>,
}

impl Writer<'_> {
    fn choose(&mut self, limit: u8) -> u8 {
        self.choices.next().map_or(0, |choice| choice % limit)
    }

    fn structure(&mut self, fields: &[Field]) {
        fields.iter().for_each(|field| self.field(field));
        if !self.flexible {
            return;
        }
        let count_at = self.bytes.len();
        self.bytes.push(0);
        for field in fields {
            let Kind::Tagged(tag, content) = field.kind else { continue };
            let exists = content.iter().all(|field| self.exists(field));
            if exists && self.choose(2) == 1 {
                self.bytes.push(u8::try_from(tag).unwrap());
                self.sized(|writer| content.iter().for_each(|field| writer.field(field)));
                self.bytes[count_at] += 1;
            }
        }
        if self.choose(4) == 1 {
            self.bytes.extend([99, 2, 7, 7]);
            self.bytes[count_at] += 1;
        }
    }

    fn exists(&self, field: &Field) -> bool {
        let nested = match field.kind {
            Kind::Struct(fields) => fields.iter().all(|field| self.exists(field)),
            _ => true,
        };
        nested && (field.from..=field.until).contains(&self.version)
    }

    /// Writes content after its size of one byte.
    fn sized(&mut self, write: impl FnOnce(&mut Self)) {
        let size_at = self.bytes.len();
        self.bytes.push(0);
        write(self);
        self.bytes[size_at] = u8::try_from(self.bytes.len() - size_at - 1).unwrap();
    }

    fn length(&mut self, length: u8, size: usize) {
        if self.flexible {
            self.bytes.push(length + 1);
        } else {
            self.bytes.extend(std::iter::repeat_n(0, size - 1));
            self.bytes.push(length);
        }
    }

    fn field(&mut self, field: &Field) {
        if !self.exists(field) {
            return;
        }
        match field.kind {
            Kind::Fixed(size) => {
                let value = self.choose(255);
                self.bytes.extend(std::iter::repeat_n(value, size));
            }
            Kind::Text => {
                let length = self.choose(5);
                self.length(length, 2);
                self.bytes.extend(std::iter::repeat_n(b'x', length.into()));
            }
            Kind::Bytes => {
                let length = self.choose(5);
                self.length(length, 4);
                self.bytes.extend(std::iter::repeat_n(0xff, length.into()));
            }
            Kind::Array(element) => {
                let count = self.choose(4);
                self.length(count, 4);
                (0..count).for_each(|_| element.iter().for_each(|field| self.field(field)));
            }
            Kind::Structs(fields) => {
                let count = self.choose(4);
                self.length(count, 4);
                (0..count).for_each(|_| self.structure(fields));
            }
            Kind::Struct(fields) => self.structure(fields),
            Kind::Optional(fields) => {
                if self.choose(2) == 1 {
                    self.bytes.push(1);
                    self.structure(fields);
                } else {
                    self.bytes.push(0xff);
                }
            }
            Kind::Tagged(..) => {}
        }
    }
}
