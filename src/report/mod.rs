//! Events to what people and machines read.
//!
//! A [`Reporter`] says what the program has to say, but for its errors. [`Reporter::start`] gives the
//! [`RunReporter`] of one run, which hears the engine's events and fans each out: to the record, to the hosts' log
//! files, and to the terminal or a stream of JSON lines.
//!
//! Reading order: `reporter`, `run` (the fan), then the rooms along the data flow: `files` (the record, which all
//! else is drawn from, and what is left behind), `screens` (a run as people see it), `page` (a run as a page for a
//! browser), `output` (what hosts print), `pipeline` (what a pipeline is told), `tables` (the results of `hosts`, `plan`
//! and `check`), `streams` (who writes, and who reads), `text` (harmless, measured, in words).
//!
//! Results go to standard output, all else to standard error. What draws tables and lines does no
//! I/O: text comes out. Nothing in here knows an exit code that the run did not give, a command-line
//! flag, or how to end the program.

#![expect(
    clippy::format_push_string,
    reason = "screens are small, and `write!` to a String has an error to drop that cannot be"
)]

use provider_core::lock;

mod files;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod output;
mod page;
mod pipeline;
mod reporter;
mod run;
mod screens;
mod streams;
mod tables;
mod text;

#[cfg(test)]
mod tests;

pub use files::whole;
pub use files::{
    host_record::{HostRecord, PhasesRecord},
    record::{Gaps, MissingScope, Record, Status},
};
pub use page::html;
pub use pipeline::Pipeline;
pub use reporter::{Builder, Destination, Detail, Format, Reporter};
pub use run::{ReportError, RunReporter};
pub use screens::summary::Rerun;
pub use tables::{
    check::{Check, Finding},
    field::{Field, SortKey, UnknownField, sort},
    host_keys::HostKeyRow,
    listing::Listing,
};
pub use text::{neutral, paragraphs::paragraphs, screen::Screen};
