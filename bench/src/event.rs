//! Builds events as Lambda's Kafka event source sends them.

use std::fmt::Write;
use std::path::PathBuf;

use base64_simd::STANDARD;

use crate::rows::Quote;

/// Arguments that describe an event.
#[derive(Clone, Debug, clap::Args)]
pub struct EventArgs {
    /// Fill the event with the rows of these CSV files
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Limit the event to BYTES
    #[arg(long, default_value_t = 5_900_000)]
    pub bytes: usize,
}

/// An event with its number of records.
#[derive(Clone, Debug)]
pub struct Event {
    /// The event as JSON.
    pub text: String,
    /// Number of records.
    pub records: usize,
}

/// Returns an event with as many records as fit into `bytes`, but at least one in each partition. Every partition has
/// the same number of records, with consecutive offsets from 1,000,000,000 + `first` on. Rows are repeated if there are
/// too few. Events with the same rows, bytes and partitions have the same number of records.
pub fn event(quotes: &[Quote], bytes: usize, partitions: usize, first: usize) -> Event {
    const ENVELOPE_BYTES: usize = 250;
    let mut lists = vec![String::new(); partitions.max(1)];
    let (mut size, mut count) = (ENVELOPE_BYTES, 0);
    let mut rows = quotes.iter().cycle();
    // Each round adds one record to every partition; the last round must fit as a whole.
    loop {
        let before: Vec<usize> = lists.iter().map(String::len).collect();
        for (partition, (list, quote)) in lists.iter_mut().zip(&mut rows).enumerate() {
            // Offsets and timestamps have the same number of digits in every event.
            let (offset, time) = (1_000_000_000 + first + count, 1_764_028_800_000_u64 + count as u64 / 4);
            let comma = if count > 0 { "," } else { "" };
            let _ = write!(
                list,
                r#"{comma}{{"topic":"quotes","partition":{partition},"offset":{offset},"timestamp":{time},"timestampType":"CREATE_TIME","key":"{}","value":"{}","headers":[]}}"#,
                STANDARD.encode_to_string(&quote.key),
                STANDARD.encode_to_string(&quote.value),
            );
        }
        let added: usize = lists.iter().zip(&before).map(|(list, before)| list.len() - before).sum();
        if size + added > bytes && count > 0 {
            lists.iter_mut().zip(before).for_each(|(list, before)| list.truncate(before));
            break;
        }
        size += added;
        count += 1;
    }
    let records = count * lists.len();
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
    fn event_fills_the_requested_size() {
        let quote = Quote { key: "A".to_owned(), value: br#"{"symbol":"A"}"#.to_vec() };
        let built = event(&[quote], 100_000, 3, 7);
        assert!((99_000..=100_000).contains(&built.text.len()), "{}", built.text.len());
        let read = lambda_kafka_event::Event::parse(&built.text).expect("an event");
        assert_eq!(read.records.len(), built.records);
        assert_eq!(read.records[0].offset, 1_000_000_007);
    }
}
