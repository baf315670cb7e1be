//! Samples the pipeline and sends frames.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::json;
use tokio::time::MissedTickBehavior;

use super::frames::Sections;
use super::meter::Meter;
use super::pipeline::Sample;
use super::{Live, newest};
use crate::app::App;
use crate::clock::millis_since_1970;
use crate::market::quote::{self, Quote};

/// Time between two frames: at most ten a second, however fast the feed is.
const INTERVAL: Duration = Duration::from_millis(100);

/// Number of intervals between two samples while no page is open.
const IDLE_INTERVALS: u32 = 10;

/// Minimum time between two listings of the newest objects.
const LIST_INTERVAL: Duration = Duration::from_secs(2);

/// Sends frames until the future is dropped.
pub(crate) async fn run(app: Arc<App>) {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut sampler = Sampler::new();
    let mut idle = 0;
    loop {
        ticks.tick().await;
        let clients = app.hub.clients();
        if let Some(live) = &app.live {
            live.set_clients(clients);
        }
        idle = if clients == 0 { (idle + 1) % IDLE_INTERVALS } else { 0 };
        if idle == 0 {
            sampler.sample(&app, clients > 0).await;
        }
    }
}

struct Sampler {
    started: Instant,
    fed: Meter,
    stored: Meter,
    /// Time and number of stored records of the last listing.
    listed: Option<(Instant, u64)>,
}

impl Sampler {
    fn new() -> Self {
        Sampler { started: Instant::now(), fed: Meter::default(), stored: Meter::default(), listed: None }
    }

    async fn sample(&mut self, app: &Arc<App>, is_watched: bool) {
        let mut sections = Sections::new();
        let mut quotes = None;
        let mut stored = 0;
        if let Some(live) = &app.live {
            let sample = live.pipeline.sample();
            stored = sample.stored.records;
            self.add_pipeline(&mut sections, live, &sample);
            let waiting = live.take_events();
            if !waiting.events.is_empty() || waiting.skipped > 0 {
                quotes = read_quotes(waiting.events.iter().map(AsRef::as_ref), &app.settings.topic, waiting.skipped);
            }
        }
        if let Some(lab) = app.lab.section() {
            add(&mut sections, "lab", &lab);
        }
        add(&mut sections, "audit", &app.audit_summary());
        if is_watched && self.listed.is_none_or(|(at, count)| at.elapsed() >= LIST_INTERVAL && count != stored) {
            self.listed = Some((Instant::now(), stored));
            // A failed listing is reported by the tabs that read the lake; here the objects stay as they were.
            if let Ok(lake) = app.lake().await
                && let Ok(objects) = newest::newest(&lake, &app.settings.topic).await
            {
                add(&mut sections, "objects", &objects);
            }
        }
        app.hub.update(sections, quotes.as_deref());
    }

    fn add_pipeline(&mut self, sections: &mut Sections, live: &Live, sample: &Sample) {
        let since = self.started.elapsed();
        let fed = sample.feed.as_ref().map(|feed| self.fed.rate(since, feed.delivered));
        let stored = self.stored.rate(since, sample.stored.records);
        let (count, invocations) = live.invocations();
        add(sections, "phase", &live.phase());
        add(sections, "failing", &sample.failing);
        add(sections, "feed", &sample.feed);
        add(sections, "lanes", &sample.lanes);
        add(sections, "batch", &sample.batch);
        add(sections, "stored", &sample.stored);
        add(sections, "newest", &sample.newest);
        add(sections, "rates", &json!({"fed": fed, "stored": stored}));
        add(sections, "invocations", &json!({"count": count, "shown": invocations}));
    }
}

/// Returns the JSON of the quotes in events, or `None` if the events have no quotes and nothing was left out.
fn read_quotes<'a>(events: impl Iterator<Item = &'a [u8]>, topic: &str, skipped: u64) -> Option<String> {
    let mut quotes: Vec<Quote> = events.flat_map(|event| quote::quotes(event, topic)).collect();
    let left_out = quote::limit(&mut quotes) as u64 + skipped;
    if quotes.is_empty() && left_out == 0 {
        return None;
    }
    let sent = millis_since_1970();
    serde_json::to_string(&json!({"at": sent, "left_out": left_out, "rows": quotes})).ok()
}

fn add(sections: &mut Sections, name: &'static str, section: &impl Serialize) {
    match serde_json::to_string(section) {
        Ok(json) => {
            sections.insert(name, json);
        }
        Err(error) => tracing::warn!(name, %error, "failed to serialize a section"),
    }
}
