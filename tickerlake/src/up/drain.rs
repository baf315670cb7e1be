//! The end of `up`: waits until every record in the broker is stored.

use std::time::Duration;

use event_source::progress::Progress;
use kafka_client::watermarks::last_offsets;
use rdkafka::ClientConfig;

use super::topics::Topics;

/// Time to wait for the remaining records before warning that some are not stored yet.
const WARNING_DELAY: Duration = Duration::from_secs(1);

/// Maximum number of attempts to read the last offsets, and the time between them.
const MAX_ATTEMPTS: u32 = 5;
const ATTEMPT_DELAY: Duration = Duration::from_secs(1);

/// The last record of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Last {
    topic: String,
    partition: i32,
    offset: i64,
    /// Number of records from the event source's first one on.
    records: u64,
}

/// Closes the broker to new records, and waits until every record of the stored topics is stored. Reads the last
/// offsets until they no longer change, because the broker may still accept a record while it is being closed.
/// `is_kept` means that the broker keeps its log for the next `up`.
///
/// # Errors
/// If the last offsets cannot be read, after a few attempts.
pub(super) async fn drain(topics: &mut Topics, is_kept: bool) -> anyhow::Result<()> {
    topics.shared.broker.close();
    let mut stored = Vec::new();
    let mut attempts = 0;
    loop {
        // A topic may have been created or deleted since the last look.
        topics.discover_all().await;
        let last = match last_records(topics).await {
            Ok(last) => last,
            Err(error) => {
                attempts += 1;
                if attempts == MAX_ATTEMPTS {
                    let then = if is_kept { "they remain in the broker" } else { "they are lost" };
                    return Err(error.context(format!(
                        "failed to check whether every record in the broker is stored; if some are not, {then}"
                    )));
                }
                tokio::time::sleep(ATTEMPT_DELAY).await;
                continue;
            }
        };
        if last == stored {
            return Ok(());
        }
        store_up_to(&last, &topics.shared.progress, is_kept).await;
        stored = last;
    }
}

/// Returns the last record of each partition that has records to read.
async fn last_records(topics: &Topics) -> anyhow::Result<Vec<Last>> {
    let mut records = Vec::new();
    for (topic, start) in topics.starts() {
        for (partition, offset) in last_offsets_of(&topics.shared.client, topic).await? {
            let start = usize::try_from(partition).ok().and_then(|index| start.get(index)).copied().unwrap_or(0);
            if let Ok(records_left @ 1..) = u64::try_from(offset + 1 - start) {
                records.push(Last { topic: topic.to_owned(), partition, offset, records: records_left });
            }
        }
    }
    Ok(records)
}

async fn last_offsets_of(client: &ClientConfig, topic: &str) -> anyhow::Result<Vec<(i32, i64)>> {
    let (client, topic) = (client.clone(), topic.to_owned());
    Ok(tokio::task::spawn_blocking(move || last_offsets(&client, &topic)).await??)
}

async fn store_up_to(last: &[Last], progress: &Progress, is_kept: bool) {
    let stored = async {
        for Last { topic, partition, offset, .. } in last {
            progress.stored(topic, *partition, *offset).await;
        }
    };
    tokio::pin!(stored);
    if tokio::time::timeout(WARNING_DELAY, &mut stored).await.is_err() {
        let records: u64 = last.iter().map(|last| last.records).sum();
        let left = records.saturating_sub(progress.counts().records);
        let then = if is_kept { "leave them to the next `up`" } else { "abort and lose them" };
        tracing::warn!(
            records = left,
            "waiting for records in the broker that are not stored yet; press Ctrl-C again to {then}"
        );
        stored.await;
    }
}
