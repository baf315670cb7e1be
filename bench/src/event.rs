//! An event as Lambda's Kafka event source sends it.

use std::fmt::Write;
use std::path::PathBuf;

use base64_simd::STANDARD;

use crate::rows::Quote;

/// What an event is made of.
#[derive(Clone, Debug, clap::Args)]
pub struct EventArgs {
    /// CSV files, whose rows fill the event
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// The event's size
    #[arg(long, default_value_t = 5_900_000)]
    pub bytes: usize,
}

/// A text, and how many records it holds.
#[derive(Clone, Debug)]
pub struct Event {
    /// JSON.
    pub text: String,
    /// How many records.
    pub records: usize,
}

/// As many rows, from the first on and all over again, as fit into `bytes`, as many in each partition, with offsets from
/// `first` on. All events of the same rows, bytes and partitions hold the same number of records.
pub fn event(quotes: &[Quote], bytes: usize, partitions: usize, first: usize) -> Event {
    const AROUND: usize = 250;
    let mut lists = vec![String::new(); partitions.max(1)];
    let (mut size, mut count) = (AROUND, 0);
    let mut rows = quotes.iter().cycle();
    // A record for each partition in turn, as long as there is room for all.
    loop {
        let before: Vec<usize> = lists.iter().map(String::len).collect();
        for (partition, (list, quote)) in lists.iter_mut().zip(&mut rows).enumerate() {
            // Offsets and times have as many digits in each event.
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
    fn an_event_is_as_large_as_asked_and_the_sink_reads_it() {
        let quote = Quote { key: "A".to_owned(), value: br#"{"symbol":"A"}"#.to_vec() };
        let made = event(&[quote], 100_000, 3, 7);
        assert!((99_000..=100_000).contains(&made.text.len()), "{}", made.text.len());
        let read = lambda_kafka_event::Event::parse(&made.text).expect("an event");
        assert_eq!(read.records.len(), made.records);
        assert_eq!(read.records[0].offset, 1_000_000_007);
    }
}
