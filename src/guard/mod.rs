//! The guard: a small shell program that runs a script on a host at most once, under a lock, to a known end.
//!
//! Nothing is installed. [`COMMAND`] is the remote command line; its stdin gets what [`GuardRequest::encode`] gives.
//! A guard that was not heard is not told to start anything: so a login shell that swallows, hangs or talks instead
//! has started nothing, and we know it. Once the script runs, stdin is the lifeline: [`Lifeline`] lines may be sent,
//! and its end tells the guard that we are gone. What comes back goes through a
//! [`StdoutParser`] and a [`StderrParser`], which take the guard's own lines out of the script's output.
//!
//! ```text
//! us                                            host
//! guard · header                    --stdin-->  checks
//!                                  <--stdout--  ready
//! go · script, or command's input   --stdin-->  lock, fence, run directory
//!                                  <--both---   started
//!                                  <--stdout--  the script's stdout, as it comes
//!                                  <--stderr--  the script's stderr, as it comes
//! T 10 | I 10 | K | end of input    --stdin-->  TERM, grace, KILL to the script's group
//!                                  <--both---   end
//! ```
//!
//! A refusal may come while the request is still being written: read both streams even if writing fails.
//! No I/O is done here, and nothing is known of SSH: bytes in, bytes out.

mod control;
mod escape;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod header;
mod input;
mod lifeline;
mod nonce;
mod program;
mod protocol;
mod request;
#[cfg(test)]
mod tests_shell;
mod text;

pub use self::{
    control::{Cause, Control, GroupState, Mark, Record, Refusal, ScriptStatus, Signal, Trailer},
    header::RequestError,
    input::Input,
    lifeline::Lifeline,
    nonce::Nonce,
    protocol::{ControlLine, Parsed, Parser, ProtocolError, StderrParser, StdoutParser},
    request::{Attach, Deploy, EncodedRequest, GuardRequest, Offsets, OnLost, Work},
    text::{COMMAND, COMMAND_AS_ROOT},
};

/// The version of what is sent, of what comes back, and of the state kept on the host.
pub const VERSION: u32 = 1;
