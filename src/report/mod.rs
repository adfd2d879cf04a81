//! Turns events into what people and machines read.
//!
//! A [`Reporter`] shows all that the program has to say, except its errors. [`Reporter::start`] returns the
//! [`RunReporter`] of one run, which receives the engine's events and passes each on: to the record, to the hosts' log
//! files, and to the terminal or a stream of JSON lines.
//!
//! Reading order: `reporter`, `run` (the fan-out), then the folders along the data flow: `files` (the record, from
//! which all else is drawn, and the files that a run leaves), `screens` (a run on a terminal), `page` (a run as a page
//! for a browser), `output` (the output of hosts), `pipeline` (messages to CI pipelines), `tables` (the results of
//! `hosts`, `plan` and `check`), `streams` (writing to streams that may not be read), `text` (making text harmless,
//! measured and worded).
//!
//! Results go to standard output, all else to standard error. The code that draws tables and lines does no I/O and
//! returns text. Nothing in here decides an exit code, knows a command-line flag, or ends the program.

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
