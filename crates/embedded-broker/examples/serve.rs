//! Runs the broker until Ctrl-C: `serve PORT [FOLDER]`, in memory without a folder. Topics are created when a client
//! asks for them, with three partitions.

use embedded_broker::{Broker, Options, Storage};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().ok_or("usage: serve PORT [FOLDER]")?.parse()?;
    let storage = arguments.next().map_or(Storage::Memory, |folder| Storage::Folder(folder.into()));
    let broker = Broker::start(Options { port, storage, auto_create: Some(3), ..Options::default() }).await?;
    println!("{}", broker.bootstrap_servers());
    tokio::signal::ctrl_c().await?;
    broker.stop().await?;
    Ok(())
}
