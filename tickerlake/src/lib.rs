//! The `tickerlake` command line: the whole pipeline on one machine, and the operator's tools.
//!
//! Each command has a module: [`run`] feeds CSV files through the pipeline, [`inspect`] shows how `run` would read
//! them, [`up`] keeps the pipeline's servers running, [`console`] serves the page for the
//! browser, [`trigger`] and [`redrive`] invoke a function, and [`query`],
//! [`view`], [`trace`], [`audit`], [`repair`] and [`mod@drop`] work on a lake. The commands parse arguments, connect
//! the crates that do the work (`embedded-broker`, `embedded-s3`, `event-source`, `lake-query`, `lake-audit`,
//! `producer` and `sink`), and print results. [`lake`] opens the lake for all commands, [`output`] prints to standard
//! output, [`progress`] displays the progress of a running command, and [`sql`] is shared by `query` and `run`.

pub mod audit;
pub mod cli;
pub mod console;
pub mod drop;
mod generation;
pub mod inspect;
pub mod lake;
pub mod output;
pub mod progress;
pub mod query;
pub mod redrive;
pub mod repair;
pub mod run;
pub mod screen;
mod shell;
pub mod sql;
mod temporary_log;
pub mod trace;
pub mod trigger;
pub mod up;
pub mod view;
