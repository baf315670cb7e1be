//! The console of `run` and `up`: its arguments, and the server beside the pipeline.

use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};

use clap::Args;
use console::{Console, Lab, OpenLake, PORT, Phase, Settings};
use event_source::function::Function;
use lake_format::keys::{DATA, parse_prefix};
use rdkafka::ClientConfig;
use serde_json::json;

use super::lab::LocalLab;
use super::lab::damage::Damage;
use super::lab::function::{LabFunction, S3Faults};
use super::pipeline::{LocalPipeline, Recorder};
use crate::lake::{FOLDER_BUCKET, LakeArgs, WritableLake};
use crate::output::Output;
use crate::sql::SqlArgs;
use crate::trigger::sink_function::SinkFunction;
use sink::{Config, Sink};

/// Console arguments of `run` and `up`, which serve the console alongside the pipeline.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Console")]
pub struct ServeArgs {
    /// Open the console in the browser; `run` then keeps running until Ctrl-C
    #[arg(long)]
    pub open: bool,
    /// Do not serve the console
    #[arg(long, conflicts_with = "open")]
    pub no_console: bool,
    /// Let the page break the pipeline on purpose: kill the function, deliver batches again, fail S3, damage an object.
    /// Only for the embedded broker, the sink in this process and a folder
    #[arg(long, conflicts_with = "no_console")]
    pub lab: bool,
    /// Port of the console; if it is in use, the next free one
    #[arg(long, value_name = "PORT", default_value_t = PORT)]
    pub console_port: u16,
}

/// The console beside a pipeline, or nothing. Dropping it restores what the lab has damaged.
pub(crate) struct Served {
    console: Option<Console>,
    lab: OnceLock<Arc<LocalLab>>,
}

impl ServeArgs {
    /// Starts the console unless it is turned off, prints its URL, and opens it if that is wanted. A console that
    /// cannot be started is only logged, because the pipeline does not need it. Without `sql`, the engine has the
    /// console's defaults.
    pub(crate) fn start(
        self,
        topic: &str,
        lake: &LakeArgs,
        sql: Option<SqlArgs>,
        pipeline: LocalPipeline,
        output: Output,
    ) -> Served {
        if self.no_console {
            return Served::new(None);
        }
        let mut settings = settings(topic, lake, sql);
        settings.listen.set_port(self.console_port);
        let event_source = Arc::clone(&pipeline.event_source);
        let console = match Console::start(settings, open_lake(lake.clone()), Some(Arc::new(pipeline))) {
            Ok(console) => console,
            Err(error) => {
                tracing::warn!(%error, "the console is not available; select another port with --console-port");
                return Served::new(None);
            }
        };
        if let Some(live) = console.live() {
            event_source.observe(Arc::new(Recorder(Arc::clone(live))));
        }
        print_url(&console, output);
        if self.open {
            open_browser(&console.first_url());
        }
        Served::new(Some(console))
    }
}

impl Served {
    fn new(console: Option<Console>) -> Self {
        Served { console, lab: OnceLock::new() }
    }

    /// Shows the lab, which acts on `function` and on objects of `generation`.
    pub(crate) fn set_lab(
        &self,
        function: &Arc<LabFunction>,
        client: &ClientConfig,
        topic: &str,
        generation: u32,
        lake: &LakeArgs,
    ) {
        let Some(console) = &self.console else { return };
        let objects = format!("{}{DATA}/{topic}", lake.prefix.as_deref().and_then(parse_prefix).unwrap_or_default());
        let lab = self.lab.get_or_init(|| {
            Arc::new(LocalLab {
                function: Arc::clone(function),
                client: client.clone(),
                topic: topic.to_owned(),
                damage: Damage::new(lake.dir.clone(), lake.dir.join(FOLDER_BUCKET).join(objects), generation),
                live: console.live().cloned(),
                delivered: Mutex::default(),
            })
        });
        console.set_lab(Arc::clone(lab) as Arc<dyn Lab>);
    }

    pub(crate) fn set_phase(&self, phase: Phase) {
        if let Some(live) = self.console().and_then(Console::live) {
            live.set_phase(phase);
        }
    }

    pub(crate) fn console(&self) -> Option<&Console> {
        self.console.as_ref()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(lab) = self.lab.get() {
            lab.restore();
        }
    }
}

/// The sink in this process, and what the lab needs of it.
pub(crate) struct SinkInProcess {
    pub(crate) function: Arc<dyn Function>,
    pub(crate) lab: Option<Arc<LabFunction>>,
}

impl SinkInProcess {
    /// Creates the sink that writes to a lake. With `lab`, it can be killed and its requests can fail.
    pub(crate) fn new(lake: &WritableLake, config: Config, lab: bool) -> Self {
        if !lab {
            return SinkInProcess { function: Arc::new(SinkFunction::new(lake.sink(config))), lab: None };
        }
        let faults = Arc::new(S3Faults::default());
        let sink = SinkFunction::new(Sink::new(config, faults.client(&lake.client)));
        let function = Arc::new(LabFunction::new(Arc::new(sink), faults));
        SinkInProcess { function: Arc::clone(&function) as Arc<dyn Function>, lab: Some(function) }
    }
}

/// Returns the console's settings for a lake. Without `sql`, the engine has the console's defaults.
pub(crate) fn settings(topic: &str, lake: &LakeArgs, sql: Option<SqlArgs>) -> Settings {
    let location = match &lake.bucket {
        Some(bucket) => format!("s3://{bucket}"),
        None => lake.dir.join(FOLDER_BUCKET).display().to_string(),
    };
    let mut settings = Settings { lake_options: lake.options(), ..Settings::new(topic, location) };
    if let Some(SqlArgs { memory_limit, sample_objects }) = sql {
        (settings.memory_limit, settings.samples) = (memory_limit, sample_objects);
    }
    settings
}

/// Returns a function that opens the lake for reading.
pub(crate) fn open_lake(lake: LakeArgs) -> OpenLake {
    Box::new(move || {
        let lake = lake.clone();
        Box::pin(async move { lake.open_for_reading().await.map_err(|error| format!("{error:#}")) })
    })
}

/// Prints the URL, without the token: a terminal may be recorded.
pub(crate) fn print_url(console: &Console, output: Output) {
    let url = console.url();
    match console.first_url() == url {
        true => output.stage("console", url),
        false => output.stage("console", &format!("{url}?token=TOKEN, with the token once")),
    }
    output.event("console", json!({"url": url}));
}

/// Opens the page with the system's browser. Failing to is only logged: the URL has been printed.
pub(crate) fn open_browser(url: &str) {
    let mut command = if cfg!(target_os = "macos") {
        Command::new("open")
    } else if cfg!(windows) {
        let mut command = Command::new("cmd");
        command.args(["/C", "start"]);
        command
    } else {
        Command::new("xdg-open")
    };
    let opened = command.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    if let Err(error) = opened {
        tracing::warn!(%error, url, "failed to open the browser; open the page yourself");
    }
}
