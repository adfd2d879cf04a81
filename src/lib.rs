//! Fleetwide finds every server that carries a tag in AWS, Google Cloud and Azure, and runs a
//! deploy script on all of them over SSH, with a true exit status for each.
//!
//! The data flows one way:
//!
//! ```text
//! config -> inventory -> plan -> rollout -> Event -> report -> exit code
//! ```
//!
//! In reading order: [`config`] (what the user wrote, typed), [`inventory`] (selectors to hosts: the
//! clouds are asked side by side), [`plan`] (hosts and policy to pure data), [`rollout`] (the engine:
//! a pure dispatcher, one attempt on one host, what happens between stages, the table of outcomes), [`transport`]
//! (how a script reaches a host: OpenSSH) with [`guard`] (the shell program that runs it there), [`checks`] (what a
//! check asks) and [`local`] (programs on this machine), [`report`] (events to what people and machines read),
//! [`deploy`] (the front door, where all parts are put together) and [`cli`] (the command line).
//!
//! What always holds, each with a test that would fail without it:
//!
//! 1. Discovery returns everything or an error. Zero hosts is an error.
//! 2. Nothing is touched before the plan and the record exist.
//! 3. A script starts at most once per host and attempt, whatever dies.
//! 4. A reported exit status is the script's own: 0 to 255 exactly, signals by name.
//! 5. Only touched hosts are undone, each to its own previous revision; an undo that fails never stops the others.
//! 6. Work in flight plus failures never exceed the worst case that the plan printed.
//! 7. After Ctrl-C or SIGTERM the record is saved, and nothing is left running that is not listed.
//! 8. What a host prints is data: neutralised on terminals, bounded in memory, whole in its log.
//! 9. A secret is in no argument list, log, event, record or error.
//!
//! Imports only run downwards, from `cli` to `guard`; `tests/architecture` checks it.

pub mod checks;
pub mod cli;
pub mod config;
pub mod deploy;
pub mod guard;
pub mod inventory;
pub mod local;
pub mod plan;
pub mod report;
pub mod rollout;
pub mod transport;
