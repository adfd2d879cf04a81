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
//! A script in parts says more on stdout: `part 1 begun`, `part 1 ended`, and `held 1` where it waits for a `G 1 300`,
//! with the seconds that are left for the rest of it, and for `W` again and again until then. A host that is only asked what it has on record says that, line
//! by line, and then `told`.
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

/// The version of what is sent, of what comes back, and of the state kept on the host.
pub const VERSION: u32 = 1;
