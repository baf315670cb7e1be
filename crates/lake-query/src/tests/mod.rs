//! Tests of queries over lakes in memory.

use datafusion::prelude::SessionContext;

use lake_store::Lake;
use lake_store::testing::{Store, gzip, zstd};

use super::saved::quality;
use super::*;

mod daily;
mod objects;
mod quality;
mod read_only;
mod tables;
mod views;

async fn open(store: &Store, topic: &str) -> SessionContext {
    let session = session(&store.lake(""), topic, Options::default()).await.unwrap();
    store.take_reads();
    session
}

async fn csv(session: &SessionContext, sql: &str) -> String {
    let rows = execute(session, sql).await.unwrap();
    String::from_utf8(render(&rows, Format::Csv).unwrap()).unwrap()
}

async fn error(session: &SessionContext, sql: &str) -> String {
    execute(session, sql).await.unwrap_err().to_string()
}

fn line(offset: u64, date: &str, close: &str) -> String {
    format!(
        "{{\"kafka_partition\":0,\"kafka_offset\":{offset},\"kafka_timestamp\":17640288001{offset:02},\
         \"symbol\":\"IBM\",\"trade_date\":\"{date}\",\"close\":{close}}}\n"
    )
}

/// Creates a lake with three days, each with a different codec, and the offsets 0 to 4.
async fn mixed() -> Store {
    let store = Store::new();
    let first = [line(0, "2026-01-02", "1.5"), line(1, "2026-01-03", "null")].concat();
    store.put("data/quotes/dt=2026-02-01/00000-0.json", &first).await;
    let second = gzip(&line(2, "2026-01-04", "2.25"));
    let third = gzip(&line(3, "2026-01-05", "3"));
    let members = [second, third].concat();
    store.put_bytes("data/quotes/dt=2026-02-02/00000-2.json.gz", members).await;
    let last = zstd(&line(4, "2026-01-06", "4e0"));
    store.put_bytes("data/quotes/dt=2026-02-03/00000-4.json.zst", last).await;
    store
}
