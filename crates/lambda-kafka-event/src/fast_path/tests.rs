//! Differential tests: the fallback reads the same records as the fast path.

use super::*;
use crate::fallback;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Records that match the template of the previous record, with a different offset, timestamp, key or value, and
/// records that do not match it.
const EVENT: &str = concat!(
    r#"{"eventSource":"SelfManagedKafka","bootstrapServers":"h:9092,i:9092","records":{"t-0":["#,
    r#"{"topic":"t","partition":0,"offset":8,"timestamp":1545084650987,"timestampType":"CREATE_TIME","key":"c3ltYm9s","value":"eyJhIjoxfQ==","headers":[{"h":[104,-61]}]},"#,
    r#"{"topic":"t","partition":0,"offset":9,"timestamp":1545084650987,"timestampType":"CREATE_TIME","key":"c3ltYm9s","value":"eyJhIjoyMn0=","headers":[{"h":[104,-61]}]},"#,
    r#"{"topic":"t","partition":0,"offset":10,"timestamp":1545084650987,"timestampType":"CREATE_TIME","key":"c3ltYm9s","value":"","headers":[{"h":[104,-61]}]},"#,
    r#"{"topic":"t","partition":0,"offset":11,"timestamp":1545084650988,"timestampType":"CREATE_TIME","key":"c3ltYm9s","value":"eyJhIjoxfQ==","headers":[{"h":[104,-61]}]},"#,
    r#"{"topic":"t","partition":0,"offset":13,"timestamp":-1,"timestampType":"CREATE_TIME","key":"","value":"eyJhIjoxfQ==","headers":[{"h":[104,-61]}]},"#,
    r#"{"topic":"t","partition":0,"offset":15,"timestamp":-1,"value":"eyJhIjoxfQ==","headers":[]},"#,
    r#"{"topic":"t","partition":0,"offset":16,"timestamp":-1,"value":"eyJhIjozfQ==","headers":[]}],"#,
    r#""t-1":[],"t-2":[{"headers":[{"é":null}],"offset":0,"partition":2,"topic":"t"}]}}"#,
);

/// Returns the event source, or [`Unsupported`] if the fast path does not read the whole event, and the records that
/// the fast path reads.
fn read(text: &str) -> (Result<Option<&[u8]>, Unsupported>, Vec<Record<'_>>) {
    let mut reader = Reader::new(text.as_bytes());
    let mut records = Vec::new();
    loop {
        match reader.advance() {
            Ok(Step::Record) => records.push(reader.record.clone()),
            Ok(Step::End) => return (Ok(reader.event_source), records),
            Err(Unsupported) => return (Err(Unsupported), records),
        }
    }
}

#[test]
fn lambda_event_is_supported() {
    let (source, records) = read(EVENT);
    assert_eq!((source.unwrap(), records.len()), (Some(&b"SelfManagedKafka"[..]), 8));
    assert_eq!(read("{\"records\":{}} \n").0.unwrap(), None);
}

#[test]
fn any_other_way_to_write_it_is_unsupported() {
    for (from, to) in [
        ("\"c3ltYm9s\"", "null"),
        ("\"c3ltYm9s\"", r#""c3lt\/m9s""#),
        ("\"c3ltYm9s\"", "{}"),
        (":1545084650987", ":1.5e3"),
        (":15,", ":015,"),
        (":15,", ":-0,"),
        ("\"offset\":15", "\"offset\":15,\"offset\":15"),
        ("\"key\"", "\"keySchemaMetadata\""),
        ("}}", "}}}"),
        ("\"offset\":8", "\"offset\":-8"),
        ("h:9092", "h:\n9092"),
        ("eyJhIjoxfQ==", "eyJhIjoxfQ\t"),
        ("\":", "\": "),
        (",\"offset\":15", ""),
    ] {
        assert!(EVENT.contains(from) && read(&EVENT.replacen(from, to, 1)).0.is_err(), "{from} {to}");
    }
}

#[test]
fn similar_records_match_the_template() {
    let mut reader = Reader::new(EVENT.as_bytes());
    let mut matched = Vec::new();
    while let Step::Record = reader.advance().unwrap() {
        matched.push((reader.record.offset, reader.matched_template));
    }
    let read_in_full = [8, 15, 0];
    assert_eq!(matched, [8, 9, 10, 11, 13, 15, 16, 0].map(|offset| (offset, !read_in_full.contains(&offset))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn fallback_reads_the_same_records(
        edits in prop::collection::vec((any::<Index>(), 0..6_usize, select(vec![
            "", " ", "\"", "\\", "\\u0041", "0", "-", "1", ".", "e", "9999999999999999999", "null", "true", "[", "]", "{", "}",
            ",", ":", "\n", "\u{1}", "é", "\"key\":", "\"offset\":3,", "\"a\":1,", "[]", "{}", "\"topic\"",
        ])), 0..4),
    ) {
        let mut text = EVENT.to_owned();
        for (index, length, replacement) in edits {
            let mut start = index.index(text.len());
            while !text.is_char_boundary(start) {
                start -= 1;
            }
            let mut end = (start + length).min(text.len());
            while !text.is_char_boundary(end) {
                end += 1;
            }
            text.replace_range(start..end, replacement);
        }
        match (read(&text), fallback::read(&text)) {
            ((Ok(source), records), expected) => {
                let (expected_source, expected) = expected.expect("what the fast path reads is valid");
                prop_assert_eq!(source, expected_source.as_deref().map(str::as_bytes));
                prop_assert_eq!(format!("{records:?}"), format!("{expected:?}"));
            }
            ((Err(Unsupported), records), Ok((_, expected))) => {
                prop_assert_eq!(format!("{records:?}"), format!("{:?}", &expected[..records.len()]));
            }
            ((Err(Unsupported), _), Err(_)) => {}
        }
    }
}
