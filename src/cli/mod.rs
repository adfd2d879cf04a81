//! The command line: clap types, one file a verb, errors as people see them, exit codes.
//!
//! `start` parses and runs one verb. Each verb reads its flags into a request, calls the floor below, and gives an exit
//! code; `carry_out` is what those have in common that start something on hosts. Not in here: anything that another way
//! in (a webhook, a schedule) would need as well.

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
