//! Runs the broker until Ctrl-C. Usage: `serve PORT [FOLDER [PARTITIONS]]`.
//!
//! Without a folder, or with `-`, the broker keeps records in memory. It creates a topic that a client asks for with
//! `PARTITIONS` partitions, 3 by default; 0 disables automatic creation.

use embedded_broker::{Broker, Options, Storage};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().ok_or("usage: serve PORT [FOLDER [PARTITIONS]]")?.parse()?;
    let storage = match arguments.next() {
        Some(folder) if folder != "-" => Storage::Folder(folder.into()),
        _ => Storage::Memory,
    };
    let partitions = arguments.next().map_or(Ok(3), |partitions| partitions.parse())?;
    let auto_create = (partitions > 0).then_some(partitions);
    let broker = Broker::start(Options { port, storage, auto_create, ..Options::default() }).await?;
    println!("{}", broker.bootstrap_servers());
    tokio::signal::ctrl_c().await?;
    broker.stop().await?;
    Ok(())
}
