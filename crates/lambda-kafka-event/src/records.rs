//! An event record by record: as usual as long as all is as usual, then in whatever way it is written.

use std::vec;

use super::{EventError, Record, fallback, fast_path};

/// An event's records, one after the other.
#[derive(Debug)]
pub struct Records<'a> {
    text: &'a [u8],
    way: Way<'a>,
    /// How many were given.
    given: usize,
}

/// How the event is read.
#[derive(Debug)]
enum Way<'a> {
    Usual(fast_path::Reader<'a>),
    /// All at once.
    General(vec::IntoIter<Record<'a>>, Option<Record<'a>>),
}

impl<'a> Records<'a> {
    /// The records of the event that is written in `text`.
    pub fn of(text: &'a [u8]) -> Self {
        Records { text, way: Way::Usual(fast_path::Reader::new(text)), given: 0 }
    }

    /// The next record, if there is one. Not to be asked any more after an error, or after the last.
    ///
    /// # Errors
    /// As of [`super::Event::parse`]: what was given before is not to be stored, either.
    pub fn advance(&mut self) -> Result<Option<&Record<'a>>, EventError> {
        let is_there = match &mut self.way {
            Way::Usual(reader) => reader.advance(),
            Way::General(rest, record) => {
                *record = rest.next();
                Some(record.is_some())
            }
        };
        match is_there {
            Some(true) => {}
            Some(false) => {
                if let Way::Usual(reader) = &self.way {
                    check_usual_source(reader)?;
                }
                return Ok(None);
            }
            None => {
                let text = str::from_utf8(self.text).map_err(EventError::NotUtf8)?;
                let (source, records) = fallback::read(text)?;
                source.as_deref().map_or(Ok(()), check_source)?;
                let mut rest = records.into_iter();
                let record = rest.nth(self.given);
                self.way = Way::General(rest, record);
            }
        }
        self.given += 1;
        match &self.way {
            Way::Usual(reader) => {
                if !reader.is_framed {
                    check_usual_source(reader)?;
                    check_place(&reader.record)?;
                }
                Ok(Some(&reader.record))
            }
            Way::General(_, None) => Ok(None),
            Way::General(_, Some(record)) => {
                check_place(record)?;
                Ok(Some(record))
            }
        }
    }
}

/// Whether a record can be at the place where it is said to be.
fn check_place(record: &Record<'_>) -> Result<(), EventError> {
    let Record { ref topic, partition, offset, .. } = *record;
    if !is_topic(topic) {
        return Err(EventError::Topic(topic.to_string()));
    }
    // The offset after it has to be one, too.
    if partition < 0 || !(0..i64::MAX).contains(&offset) {
        return Err(EventError::Place { topic: topic.to_string(), partition, offset });
    }
    Ok(())
}

/// The source, as far as it has been read: it may stand behind the records.
fn check_usual_source(reader: &fast_path::Reader<'_>) -> Result<(), EventError> {
    reader.source.map_or(Ok(()), |source| check_source(&String::from_utf8_lossy(source)))
}

fn check_source(source: &str) -> Result<(), EventError> {
    match source {
        "SelfManagedKafka" | "aws:kafka" => Ok(()),
        _ => Err(EventError::Source(source.to_owned())),
    }
}

/// The names that Kafka's `Topic.validate` lets pass.
fn is_topic(name: &str) -> bool {
    (1..=249).contains(&name.len())
        && name != "."
        && name != ".."
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Event;

    #[test]
    fn from_the_first_record_that_is_not_as_usual_the_other_reader_goes_on() {
        let usual = |offset| format!(r#"{{"topic":"t","partition":0,"offset":{offset},"timestamp":1,"value":"e30="}}"#);
        for unusual in [
            r#"{"topic":"t","partition":0,"offset":3,"timestamp":1,"value":null}"#,
            r#"{"topic": "t", "partition": 0, "offset": 3}"#,
            r#"{"topic":"t","partition":0,"offset":3,"timestamp":1,"value":"e30\u003d"}"#,
        ] {
            let list = [usual(1), usual(2), unusual.to_owned(), usual(4), usual(5)].join(",");
            let text = format!(r#"{{"eventSource":"aws:kafka","records":{{"t-0":[{list}]}}}}"#);
            let offsets: Vec<_> = Event::parse(&text).unwrap().records.iter().map(|record| record.offset).collect();
            assert_eq!(offsets, [1, 2, 3, 4, 5], "{unusual}");
            let text = text.replace("aws:kafka", "aws:sqs");
            assert!(matches!(Event::parse(&text), Err(EventError::Source(_))), "{unusual}");
        }
    }

    #[test]
    fn an_event_from_elsewhere_is_refused_wherever_it_says_so() {
        let record = r#"{"topic":"t","partition":0,"offset":1,"timestamp":1,"value":"e30="}"#;
        let first = format!(r#"{{"eventSource":"aws:sqs","records":{{"t-0":[{record}]}}}}"#);
        assert!(matches!(Records::of(first.as_bytes()).advance(), Err(EventError::Source(_))));
        let last = format!(r#"{{"records":{{"t-0":[{record}]}},"eventSource":"aws:sqs"}}"#);
        assert!(matches!(Event::parse(&last), Err(EventError::Source(_))));
    }

    #[test]
    fn bytes_that_are_no_text_make_no_event() {
        let mut bytes = br#"{"records":{"t-0":[{"topic":"t","partition":0,"offset":1,"value":"?"}]}}"#.to_vec();
        let mut records = Records::of(&bytes);
        assert!(records.advance().unwrap().is_some() && records.advance().unwrap().is_none());
        let place = bytes.iter().position(|&byte| byte == b'?').unwrap();
        bytes[place] = 0xff;
        assert!(matches!(Records::of(&bytes).advance(), Err(EventError::NotUtf8(_))));
    }
}
