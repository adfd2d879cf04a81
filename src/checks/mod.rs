//! Asking what a check asks: a web server, a port, a command here, a command there, a Prometheus server.
//!
//! [`Probes`] are the checks of a plan; each kind has a file. An answer is a [`Sample`](crate::rollout::Sample): well or
//! not, a number if there is one, a line for people. How often is asked, and what several answers amount to, is decided in
//! `rollout`.

mod client;
mod http;
mod probes;
mod promql;
mod remote;
mod tcp;

pub use self::probes::{ProbeError, Probes};
use self::probes::{filled, unwell, verdict};
