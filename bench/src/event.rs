//! An event as Lambda's Kafka event source sends it.

use std::fmt::Write;

use base64_simd::STANDARD;

use crate::rows::Quote;

/// A text, and how many records it holds.
#[derive(Clone, Debug)]
pub struct Event {
    /// JSON.
    pub text: String,
    /// How many records.
    pub records: usize,
}

/// As many rows, from the first on and all over again, as fit into `bytes`, spread over partitions, with offsets from
/// `first` on in each. All events of the same rows and bytes hold the same number of records.
pub fn event(quotes: &[Quote], bytes: usize, partitions: usize, first: usize) -> Event {
    const AROUND: usize = 250;
    let mut lists = vec![String::new(); partitions.max(1)];
    let mut counts = vec![0_usize; lists.len()];
    let (mut size, mut records) = (AROUND, 0);
    for quote in quotes.iter().cycle() {
        let partition = records % lists.len();
        let (list, count) = (&mut lists[partition], &mut counts[partition]);
        let before = list.len();
        if *count > 0 {
            list.push(',');
        }
        // Offsets and times have as many digits in each event.
        let (offset, time) = (1_000_000_000 + first + *count, 1_764_028_800_000_u64 + records as u64 / 4);
        let _ = write!(
            list,
            r#"{{"topic":"quotes","partition":{partition},"offset":{offset},"timestamp":{time},"timestampType":"CREATE_TIME","key":"{}","value":"{}","headers":[]}}"#,
            STANDARD.encode_to_string(&quote.key),
            STANDARD.encode_to_string(&quote.value),
        );
        let added = list.len() - before;
        if size + added > bytes && records > 0 {
            list.truncate(before);
            break;
        }
        size += added;
        *count += 1;
        records += 1;
    }
    let mut text = r#"{"eventSource":"SelfManagedKafka","bootstrapServers":"localhost:9092","records":{"#.to_owned();
    for (partition, list) in lists.iter().enumerate() {
        let comma = if partition > 0 { "," } else { "" };
        let _ = write!(text, r#"{comma}"quotes-{partition}":[{list}]"#);
    }
    text.push_str("}}");
    Event { text, records }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_as_large_as_asked_and_the_sink_reads_it() {
        let quote = Quote { key: "A".to_owned(), value: br#"{"symbol":"A"}"#.to_vec() };
        let made = event(&[quote], 100_000, 3, 7);
        assert!((99_000..=100_000).contains(&made.text.len()), "{}", made.text.len());
        let read = sink::event::Event::parse(&made.text).expect("an event");
        assert_eq!(read.records.len(), made.records);
        assert_eq!(read.records[0].offset, 1_000_000_007);
    }
}
