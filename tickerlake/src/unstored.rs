//! Warns about topics of the embedded broker whose records `up` does not store in the lake.

use std::collections::HashSet;
use std::convert::Infallible;
use std::time::Duration;

use embedded_broker::{Broker, Topic as BrokerTopic};
use kafka_client::topic::Topic;

/// Time between two looks at the broker's topics.
const INTERVAL: Duration = Duration::from_secs(2);

/// Warns once about each topic that has records and is not `stored`.
pub(crate) async fn warn_about_topics(broker: &Broker, stored: &Topic) -> Infallible {
    let mut known = HashSet::new();
    let mut interval = tokio::time::interval(INTERVAL);
    loop {
        interval.tick().await;
        for topic in unstored(broker.topics(), stored.as_str()) {
            if known.insert(topic.id) {
                tracing::warn!(
                    topic = topic.name,
                    "the records of this topic stay in the broker; to store them in the lake, start `up` with --topic {}",
                    topic.name
                );
            }
        }
    }
}

fn unstored(topics: Vec<BrokerTopic>, stored: &str) -> impl Iterator<Item = BrokerTopic> {
    topics.into_iter().filter(move |topic| topic.name != stored && topic.end_offsets.iter().any(|&offset| offset > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(name: &str, end_offsets: Vec<i64>) -> BrokerTopic {
        BrokerTopic { name: name.to_owned(), id: Default::default(), end_offsets }
    }

    #[test]
    fn topic_with_records_is_unstored() {
        let topics = vec![topic("quotes", vec![5]), topic("empty", vec![0, 0]), topic("demo_test", vec![0, 1])];
        assert_eq!(unstored(topics, "quotes").map(|topic| topic.name).collect::<Vec<_>>(), ["demo_test"]);
    }
}
