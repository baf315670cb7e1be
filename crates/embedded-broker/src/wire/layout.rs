//! A check of the lengths within a request, made before the request is decoded.
//!
//! ```text
//! Metadata v9:  [n topics: varint] ([name: length + bytes] [tags])*n  [bool] [bool] [bool] [tags]
//! ```
//!
//! A layout lists the fields of a request in the order of their bytes. [`Layout::check`] reads a request by it without
//! storing anything, so a length that exceeds the request is found before any memory is reserved for it.

/// Maximum number of elements of all arrays of a request together. A request with more is rejected, because an element
/// of two bytes can occupy a hundred bytes of memory once it is decoded.
const MAX_ELEMENTS: usize = 250_000;

/// Bytes of a text at most, in all versions.
const MAX_TEXT: usize = i16::MAX as usize;

/// `flexible_from` of a request that has no flexible version.
pub(super) const NEVER: i16 = i16::MAX;

/// The fields of a request in all of its versions.
#[derive(Debug)]
pub(super) struct Layout {
    /// The first version with compact lengths and tagged fields.
    pub(super) flexible_from: i16,
    pub(super) fields: &'static [Field],
}

/// A field, with the versions that contain it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    kind: Kind,
    from: i16,
    until: i16,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Fixed(usize),
    Text,
    Bytes,
    /// An array of a type without tagged fields.
    Array(&'static [Field]),
    Structs(&'static [Field]),
    Struct(&'static [Field]),
    /// A struct after a byte that is 1 if the struct is present.
    Optional(&'static [Field]),
    /// A tagged field with its tag and content.
    Tagged(u32, &'static [Field]),
}

/// A request's lengths contradict its size, or the request is larger than the broker accepts.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum LayoutError {
    #[error("a length exceeds the request")]
    TooShort,
    #[error("more than {MAX_ELEMENTS} array elements")]
    TooManyElements,
    #[error("a text of {0} bytes is longer than {MAX_TEXT} bytes")]
    TextTooLong(usize),
    #[error("tagged field {0} does not have its stated size")]
    TaggedSize(u32),
    #[error("the broker does not offer this request")]
    NotOffered,
}

impl Layout {
    /// Checks that `body` has this layout in `version`, and returns the number of bytes of its fields. Bytes after the
    /// last field are ignored, as Apache Kafka ignores them.
    pub(super) fn check(&self, version: i16, body: &[u8]) -> Result<usize, LayoutError> {
        let flexible = version >= self.flexible_from;
        let mut reader = Reader { bytes: body, version, flexible, elements_left: MAX_ELEMENTS };
        reader.structure(self.fields)?;
        Ok(body.len() - reader.bytes.len())
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    version: i16,
    flexible: bool,
    elements_left: usize,
}

impl Reader<'_> {
    fn structure(&mut self, fields: &'static [Field]) -> Result<(), LayoutError> {
        self.fields(fields)?;
        if self.flexible { self.tagged_fields(fields) } else { Ok(()) }
    }

    fn fields(&mut self, fields: &'static [Field]) -> Result<(), LayoutError> {
        let version = self.version;
        let mut present = fields.iter().filter(|field| (field.from..=field.until).contains(&version));
        present.try_for_each(|field| self.field(field.kind))
    }

    fn field(&mut self, kind: Kind) -> Result<(), LayoutError> {
        match kind {
            Kind::Fixed(size) => self.skip(size),
            Kind::Text => {
                let length = if self.flexible { self.compact_length()? } else { self.i16_length()? };
                // Versions that are not flexible could not contain the text in a response.
                if length > MAX_TEXT {
                    return Err(LayoutError::TextTooLong(length));
                }
                self.skip(length)
            }
            Kind::Bytes => {
                let length = self.length()?;
                self.skip(length)
            }
            Kind::Array(element) => {
                let count = self.count()?;
                match element {
                    [Field { kind: Kind::Fixed(size), .. }] => self.skip(count.saturating_mul(*size)),
                    _ => (0..count).try_for_each(|_| self.fields(element)),
                }
            }
            Kind::Structs(fields) => {
                let count = self.count()?;
                (0..count).try_for_each(|_| self.structure(fields))
            }
            Kind::Struct(fields) => self.structure(fields),
            Kind::Optional(fields) => {
                if self.byte()? == 1 {
                    self.structure(fields)
                } else {
                    Ok(())
                }
            }
            Kind::Tagged(..) => Ok(()),
        }
    }

    fn tagged_fields(&mut self, fields: &'static [Field]) -> Result<(), LayoutError> {
        for _ in 0..self.varint()? {
            self.take_elements(1)?;
            let tag = self.varint()?;
            let size = self.varint()? as usize;
            let rest = self.bytes.len().checked_sub(size).ok_or(LayoutError::TooShort)?;
            let known = fields.iter().find_map(|field| match field.kind {
                Kind::Tagged(known, content) if known == tag => Some(content),
                _ => None,
            });
            match known {
                Some(content) => self.fields(content)?,
                None => self.skip(size)?,
            }
            // The decoder trusts the content of a tagged field that it knows, not the size.
            if self.bytes.len() != rest {
                return Err(LayoutError::TaggedSize(tag));
            }
        }
        Ok(())
    }

    fn count(&mut self) -> Result<usize, LayoutError> {
        let count = self.length()?;
        // Every element has at least one byte.
        if count > self.bytes.len() {
            return Err(LayoutError::TooShort);
        }
        self.take_elements(count)?;
        Ok(count)
    }

    fn take_elements(&mut self, count: usize) -> Result<(), LayoutError> {
        self.elements_left = self.elements_left.checked_sub(count).ok_or(LayoutError::TooManyElements)?;
        Ok(())
    }

    /// Reads a length of bytes or of an array; null has the length 0.
    fn length(&mut self) -> Result<usize, LayoutError> {
        if self.flexible {
            return self.compact_length();
        }
        let (length, rest) = self.bytes.split_first_chunk().ok_or(LayoutError::TooShort)?;
        self.bytes = rest;
        Ok(usize::try_from(i32::from_be_bytes(*length)).unwrap_or(0))
    }

    fn i16_length(&mut self) -> Result<usize, LayoutError> {
        let (length, rest) = self.bytes.split_first_chunk().ok_or(LayoutError::TooShort)?;
        self.bytes = rest;
        Ok(usize::try_from(i16::from_be_bytes(*length)).unwrap_or(0))
    }

    fn compact_length(&mut self) -> Result<usize, LayoutError> {
        Ok((self.varint()? as usize).saturating_sub(1))
    }

    /// Reads at most five bytes and ignores surplus bits, as the decoder does.
    fn varint(&mut self) -> Result<u32, LayoutError> {
        let mut value = 0;
        for shift in [0, 7, 14, 21, 28] {
            let byte = u32::from(self.byte()?);
            value |= (byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        Ok(value)
    }

    fn byte(&mut self) -> Result<u8, LayoutError> {
        let (&byte, rest) = self.bytes.split_first().ok_or(LayoutError::TooShort)?;
        self.bytes = rest;
        Ok(byte)
    }

    fn skip(&mut self, size: usize) -> Result<(), LayoutError> {
        self.bytes = self.bytes.get(size..).ok_or(LayoutError::TooShort)?;
        Ok(())
    }
}

impl Field {
    const fn new(kind: Kind) -> Self {
        Field { kind, from: 0, until: i16::MAX }
    }

    /// Limits the field to versions from `version` on.
    pub(super) const fn from(self, version: i16) -> Self {
        Field { from: version, ..self }
    }

    /// Limits the field to versions up to and including `version`.
    pub(super) const fn until(self, version: i16) -> Self {
        Field { until: version, ..self }
    }
}

pub(super) const fn fixed(size: usize) -> Field {
    Field::new(Kind::Fixed(size))
}

pub(super) const fn text() -> Field {
    Field::new(Kind::Text)
}

pub(super) const fn bytes() -> Field {
    Field::new(Kind::Bytes)
}

pub(super) const fn array(element: &'static [Field]) -> Field {
    Field::new(Kind::Array(element))
}

pub(super) const fn structs(fields: &'static [Field]) -> Field {
    Field::new(Kind::Structs(fields))
}

pub(super) const fn structure(fields: &'static [Field]) -> Field {
    Field::new(Kind::Struct(fields))
}

pub(super) const fn optional(fields: &'static [Field]) -> Field {
    Field::new(Kind::Optional(fields))
}

pub(super) const fn tagged(tag: u32, content: &'static [Field]) -> Field {
    Field::new(Kind::Tagged(tag, content))
}

#[cfg(test)]
#[path = "generate.rs"]
mod generate;
#[cfg(test)]
pub(super) use generate::generate;
