//! Asks a check's question: of a web server, a port, a command here or on a host, a Prometheus server.
//!
//! [`Probes`] are the checks of a plan; each kind has a file. An answer is a [`Sample`](crate::rollout::Sample): well
//! or not, a number if there is one, a line for people. `rollout` decides how often to ask, and what several answers
//! amount to.

mod client;
mod http;
mod probes;
mod promql;
mod remote;
mod tcp;

pub use self::probes::{ProbeError, Probes};
use self::probes::{filled, unwell, verdict};
