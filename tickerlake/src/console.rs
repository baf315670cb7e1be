//! `tickerlake console`: the web console over any lake.

pub(crate) mod lab;
pub(crate) mod pipeline;
pub mod serve;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use console::{Console, PORT, Settings};
use kafka_client::args::KafkaArgs;
use kafka_client::settings::{Settings as KafkaSettings, SettingsError};
use kafka_client::topic::Topic;
use lake_audit::Scope;
use terminal::signal::stop_on_signal;

use crate::lake::LakeArgs;
use crate::output::{Format, Output};
use crate::query::interval;
use crate::sql::{DEFAULT_TOPIC, SqlArgs};
use serve::{open_browser, open_lake, print_url, settings};

/// Variable with the bearer token.
const TOKEN_VARIABLE: &str = "TICKERLAKE_CONSOLE_TOKEN";

/// Minimum length of a bearer token in characters.
const MIN_TOKEN: usize = 16;

/// Period for which the tables of a bucket are kept, because opening a session sends several requests.
const BUCKET_SESSION: Duration = Duration::from_secs(60);

#[derive(Args, Debug)]
/// Serve a page for the browser: charts, SQL, records, quarantine, quality and audit of a lake
#[command(after_help = "\
The page reads the lake and changes nothing. Without a running pipeline it has no live parts; `run` and
`up` serve the same page with them. The audit button compares with a broker if --bootstrap-server is
given.

By default only this machine can open the page. To listen on another address, give a token of at least
16 characters with --token-file or in TICKERLAKE_CONSOLE_TOKEN, permit the name with which browsers reach
the page (--allowed-host), and open http://NAME:PORT/?token=TOKEN once. The connection is not encrypted:
put a proxy with TLS in front of it.

Examples:
  tickerlake console
  tickerlake console --bucket my-lake --open
  TICKERLAKE_CONSOLE_TOKEN=... tickerlake console --listen 0.0.0.0 --allowed-host lake.example.org

Exit codes: 0 ended by Ctrl-C, 1 failed, 2 wrong usage, 130 aborted by a second Ctrl-C.")]
pub struct ConsoleArgs {
    /// Topic or view to show as the table `quotes`
    #[arg(short, long, default_value = DEFAULT_TOPIC)]
    topic: Topic,
    /// Open the page in the browser
    #[arg(long)]
    open: bool,
    /// Port of the page; if it is in use, the next free one
    #[arg(long, default_value_t = PORT)]
    port: u16,
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    listen: IpAddr,
    /// Host name with which browsers may reach the page, besides localhost
    #[arg(long, value_name = "NAME")]
    allowed_host: Vec<String>,
    /// File with the token that browsers must have
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Maximum duration of one statement
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = interval)]
    query_timeout: Duration,
    /// Format of the output
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    sql: SqlArgs,
    #[command(flatten)]
    kafka: KafkaArgs,
    #[command(flatten)]
    lake: LakeArgs,
}

/// Runs the command until Ctrl-C.
///
/// # Errors
/// If the lake or the broker's settings are invalid, the port is not available, or a token is missing.
pub async fn console(args: ConsoleArgs) -> anyhow::Result<()> {
    let stop = stop_on_signal();
    let output = Output { format: args.format };
    // Opened once to report a wrong folder or bucket before the page is served.
    args.lake.open_for_reading().await?;
    let broker = match KafkaSettings::try_from(args.kafka) {
        Ok(kafka) => Some(kafka.client_config()),
        Err(SettingsError::NoServers) => None,
        Err(error) => return Err(error.into()),
    };
    let defaults = settings(args.topic.as_str(), &args.lake, Some(args.sql));
    let settings = Settings {
        listen: SocketAddr::new(args.listen, args.port),
        allowed_hosts: args.allowed_host,
        bearer: bearer(args.token_file)?,
        query_timeout: args.query_timeout,
        session_lifetime: if args.lake.bucket.is_some() { BUCKET_SESSION } else { defaults.session_lifetime },
        ..defaults
    };
    let location = settings.location.clone();
    let console = Console::start(settings, open_lake(args.lake), None)?;
    console.set_audit_scope(Scope::default(), broker);
    print_url(&console, output);
    output.stage("lake", &location);
    output.stage("console", "press Ctrl-C to stop");
    if args.open {
        open_browser(&console.first_url());
    }
    stop.cancelled().await;
    console.stop();
    Ok(())
}

/// Returns the token from the file or the variable.
fn bearer(file: Option<PathBuf>) -> anyhow::Result<Option<String>> {
    let (token, source) = match file {
        Some(file) => {
            let text = std::fs::read_to_string(&file).with_context(|| format!("failed to read {}", file.display()))?;
            (text, file.display().to_string())
        }
        None => match std::env::var(TOKEN_VARIABLE) {
            Ok(token) => (token, TOKEN_VARIABLE.to_owned()),
            Err(_) => return Ok(None),
        },
    };
    let token = token.trim();
    if token.len() < MIN_TOKEN || !token.chars().all(|c| c.is_ascii_alphanumeric() || "-._~".contains(c)) {
        bail!(
            "the token in {source} must have at least {MIN_TOKEN} characters, all of them letters, digits, '-', '.', '_' or '~'"
        );
    }
    Ok(Some(token.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn token_is_read_from_a_file() {
        let with = |text: &str| {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            bearer(Some(file.path().to_owned()))
        };
        assert_eq!(with("0123456789abcdef\n").unwrap().as_deref(), Some("0123456789abcdef"));
        for wrong in ["", "short", "0123456789 abcdef", "0123456789abcdef;x"] {
            let error = with(wrong).unwrap_err().to_string();
            assert!(error.contains("at least 16 characters"), "{error}");
        }
    }
}
