//! The guard: a small shell program that runs a script on a host at most once, under a lock, to a known end.
//!
//! Nothing is installed. [`COMMAND`] is the remote command line, and its stdin gets the output of
//! [`GuardRequest::encode`]. The guard starts nothing until the client has heard from it and answered. So a login shell
//! that swallows, hangs or talks instead has started nothing, and the client knows it. Once the script runs, stdin is
//! the lifeline: [`Lifeline`] lines may be sent, and its end tells the guard that the client is gone. The answer goes
//! through a [`StdoutParser`] and a [`StderrParser`], which separate the guard's lines from the script's output.
//!
//! ```text
//! client                                        host
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
//! A script in parts sends more on stdout: `part 1 begun`, `part 1 ended`, and `held 1` where it waits for a `G 1 300`,
//! with the seconds that are left for the rest of it, and for `W` again and again until then. A query gets the record,
//! line by line, and then `told`.
//!
//! A refusal may come while the request is still being written: read both streams even if writing fails. This module
//! does no I/O and knows nothing of SSH: bytes in, bytes out.

mod control;
mod escape;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod header;
mod input;
mod lifeline;
mod nonce;
mod parts;
mod program;
mod protocol;
mod recorded;
mod request;
#[cfg(test)]
mod tests_shell;
mod text;
mod trailer;

pub use self::{
    control::{Control, Mark, PartEnd, Refusal},
    header::RequestError,
    input::Input,
    lifeline::Lifeline,
    nonce::Nonce,
    parts::Part,
    protocol::{ControlLine, Parsed, Parser, ProtocolError, StderrParser, StdoutParser},
    recorded::{AttemptState, Recorded, RecordedAttempt},
    request::{Attach, Deploy, EncodedRequest, GuardRequest, Offsets, OnLost, Payload, PayloadKind, Query, Work},
    text::{COMMAND, COMMAND_AS_ROOT},
    trailer::{Cause, GroupState, Record, ScriptStatus, Signal, Trailer},
};

/// The version of the request, of the answer, and of the state kept on the host.
pub const VERSION: u32 = 1;
