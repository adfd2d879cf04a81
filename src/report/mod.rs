//! Events to what people and machines read.
//!
//! A [`Reporter`] says what the program has to say, but for its errors. [`Reporter::start`] gives the
//! [`RunReporter`] of one run, which hears the engine's events and fans each out: to the [`record`]
//! (and its files, `junit` among them), to the hosts' log files, and to the terminal or a stream of JSON lines.
//!
//! Reading order: `reporter`, `run` (the fan), [`record`] (what all screens of a run are drawn from),
//! `human` with `progress`, `summary` and `failures`, then the tables: `hosts`, `plan`, `check`;
//! `listing`, `ssh_config` and `ansible` are `hosts` in other shapes.
//! [`neutral`] is what every foreign text passes on its way to a terminal.
//!
//! Results go to standard output, all else to standard error. What draws tables and lines does no
//! I/O: text comes out. Nothing in here knows an exit code that the run did not give, a command-line
//! flag, or how to end the program.

#![expect(
    clippy::format_push_string,
    reason = "screens are small, and `write!` to a String has an error to drop that cannot be"
)]

use provider_core::lock;

mod ansible;
mod cells;
mod check;
mod discovery;
mod display;
mod failures;
mod field;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod gather;
mod group;
mod heartbeat;
mod host_keys;
mod hosts;
mod human;
mod json;
mod junit;
mod labels;
mod lines;
mod listing;
mod live;
mod log_dir;
mod names;
pub mod neutral;
mod outlet;
mod paragraphs;
mod pipeline;
mod plan;
mod progress;
pub mod record;
mod record_file;
mod reporter;
mod run;
mod screen;
mod ssh_config;
mod stream;
mod summary;
mod table;
mod words;

#[cfg(test)]
mod tests;

pub use check::{Check, Finding};
pub use field::{Field, SortKey, UnknownField, sort};
pub use host_keys::HostKeyRow;
pub use listing::Listing;
pub use paragraphs::paragraphs;
pub use pipeline::Pipeline;
pub use record::{Gaps, HostRecord, Record, Status};
pub use reporter::{Builder, Destination, Detail, Format, Reporter};
pub use run::{ReportError, RunReporter};
pub use screen::Screen;
pub use summary::Rerun;
