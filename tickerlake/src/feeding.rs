//! Feeding a topic with a display of its progress.

use std::sync::Arc;

use anyhow::Context;
use producer::display::Display;
use producer::feed::Feed;
use producer::kafka::Settings;
use producer::progress::Progress;
use producer::run::Target;
use producer::summary::Summary;
use producer::topic::Topic;
use tokio_util::sync::CancellationToken;

/// Feeds the topic until the feed ends or `stop`; what was sent is confirmed either way.
///
/// # Errors
/// When the broker or an input fails.
pub async fn feed(feed: Feed, kafka: Settings, topic: Topic, stop: CancellationToken) -> anyhow::Result<Summary> {
    let progress = Arc::new(Progress::default());
    let display = Display::start(Arc::clone(&progress));
    let target = Target::Kafka { settings: kafka, topic };
    let done = tokio::task::spawn_blocking(move || producer::run::run(&feed, &target, &progress, stop)).await;
    drop(display);
    Ok(done.context("the feed ended unexpectedly")??)
}
