//! Samples the pipeline and sends frames.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::json;
use tokio::time::MissedTickBehavior;

use super::frames::Sections;
use super::meter::Meter;
use super::newest::Listings;
use super::pipeline::Sample;
use super::{Live, Waiting};
use crate::app::App;
use crate::clock::millis_since_1970;
use crate::market::quote::quotes;
use crate::market::sums::{MAX_ROWS, limit};

/// Time between two frames: at most ten a second, however fast the feed is.
const INTERVAL: Duration = Duration::from_millis(100);

/// Number of intervals between two samples while no page is open.
const IDLE_INTERVALS: u32 = 10;

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
    listings: Listings,
}

impl Sampler {
    fn new() -> Self {
        Sampler {
            started: Instant::now(),
            fed: Meter::default(),
            stored: Meter::default(),
            listings: Listings::default(),
        }
    }

    async fn sample(&mut self, app: &Arc<App>, is_watched: bool) {
        let mut sections = Sections::new();
        let mut rows = None;
        let mut stored = 0;
        if let Some(live) = &app.live {
            let sample = live.pipeline.sample();
            stored = sample.stored.records;
            self.add_pipeline(&mut sections, live, &sample);
            let waiting = live.take_events();
            if !waiting.events.is_empty() || waiting.skipped > 0 {
                rows = read_quotes(&waiting, &app.settings.topic);
            }
        }
        if let Some(lab) = app.lab.section() {
            add(&mut sections, "lab", &lab);
        }
        add(&mut sections, "audit", &app.audit_summary());
        if let Some(objects) = self.listings.poll(app, stored, is_watched).await {
            add(&mut sections, "objects", &objects);
        }
        app.hub.update(sections, rows.as_deref());
    }

    fn add_pipeline(&mut self, sections: &mut Sections, live: &Live, sample: &Sample) {
        let since = self.started.elapsed();
        let fed = sample.feed.as_ref().map(|feed| self.fed.rate(since, feed.delivered));
        let stored = self.stored.rate(since, sample.stored.added());
        add(sections, "phase", &live.phase());
        add(sections, "failing", &sample.failing);
        add(sections, "feed", &sample.feed);
        add(sections, "lanes", &sample.lanes);
        add(sections, "batch", &sample.batch);
        add(sections, "stored", &sample.stored);
        add(sections, "newest", &sample.newest);
        add(sections, "rates", &json!({"fed": fed, "stored": stored}));
        add(sections, "invocations", &live.invocations());
    }
}

/// Returns the JSON of the quotes in events, or `None` if the events have no quotes and nothing was left out.
fn read_quotes(waiting: &Waiting, topic: &str) -> Option<String> {
    let (mut rows, mut left_out) = (Vec::new(), waiting.skipped);
    for event in &waiting.events {
        let read = quotes(event, topic);
        rows.extend(read.quotes);
        left_out += read.unread;
    }
    left_out += limit(&mut rows, MAX_ROWS);
    if rows.is_empty() && left_out == 0 {
        return None;
    }
    let sent = millis_since_1970();
    serde_json::to_string(&json!({"at": sent, "left_out": left_out, "rows": rows})).ok()
}

fn add(sections: &mut Sections, name: &'static str, section: &impl Serialize) {
    match serde_json::to_string(section) {
        Ok(json) => {
            sections.insert(name, json);
        }
        Err(error) => tracing::warn!(name, %error, "failed to serialize a section"),
    }
}
