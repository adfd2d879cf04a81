//! The command line: clap types, one file per verb, errors as people see them, exit codes.
//!
//! `start` parses the line and runs one verb. Each verb turns its flags into a request, calls the floor below, and
//! returns an exit code; `carry_out` is shared by the verbs that start something on hosts. Not here: anything that
//! another entry point (a webhook, a schedule) would need as well.

mod approve;
mod args;
mod carry_out;
mod check;
mod completions;
mod demo;
mod deploy;
mod error;
pub mod exit_code;
mod gate;
mod host_keys;
mod hosts;
mod init;
mod man;
mod narrow;
mod numbers;
mod patient;
mod plan;
mod report;
mod report_file;
mod rerun;
mod revision;
mod rollback;
mod run;
mod session;
mod signals;
mod ssh;
mod start;
mod stdin;
mod strategy;
mod target;
mod terminal;
mod usage;

pub use self::start::main;
