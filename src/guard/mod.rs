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
//! T 10 | K | end of input           --stdin-->  TERM, grace, KILL to the script's group
//!                                  <--both---   end
//! ```
//!
//! A refusal may come while the request is still being written: read both streams even if writing fails.
//! No I/O is done here, and nothing is known of SSH: bytes in, bytes out.

mod control;
mod escape;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod input;
mod lifeline;
mod nonce;
mod program;
mod protocol;
mod request;
#[cfg(test)]
mod tests_shell;

pub use self::{
    control::{Cause, Control, GroupState, Mark, Record, Refusal, ScriptStatus, Signal, Trailer},
    input::Input,
    lifeline::Lifeline,
    nonce::Nonce,
    protocol::{ControlLine, Parsed, Parser, ProtocolError, StderrParser, StdoutParser},
    request::{Attach, Deploy, EncodedRequest, GuardRequest, Offsets, OnLost, RequestError, Work},
};

/// The version of what is sent, of what comes back, and of the state kept on the host.
pub const VERSION: u32 = 1;

/// The remote command line: reads the guard from stdin, byte by byte, up to a line `#.`, and becomes it.
///
/// One simple line without newline and `!`, and with nothing but single quotes at its surface, so that every login
/// shell takes it for the same: POSIX shells, zsh, fish, csh and tcsh.
pub const COMMAND: &str =
    r##"exec sh -c 'eval "$(while IFS= read -r l; do [ "$l" = "#." ] && break; printf "%s\n" "$l"; done)"'"##;

/// The same as root. Asked for a password, `sudo` gives up; `-H` because the state is kept in root's own home.
pub const COMMAND_AS_ROOT: &str = r##"exec sudo -n -H sh -c 'eval "$(while IFS= read -r l; do [ "$l" = "#." ] && break; printf "%s\n" "$l"; done)"'"##;

const SOURCE: &str = concat!(include_str!("state.sh"), include_str!("guard.sh"));

/// Sent in front of it when a command is to read something.
const INPUT: &str = include_str!("input.sh");

/// The guard as it is sent: without comment lines, indentation and empty lines.
fn program_text() -> String {
    stripped(SOURCE)
}

fn stripped(source: &str) -> String {
    let mut text = String::with_capacity(source.len());
    for line in source.lines().map(str::trim_start).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        text.push_str(line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{COMMAND, COMMAND_AS_ROOT, program_text};

    #[test]
    fn the_command_is_one_simple_line() {
        assert!(!COMMAND.contains(['\n', '!', '`']));
        assert_eq!(COMMAND.matches('\'').count(), 2);
        assert_eq!(COMMAND_AS_ROOT.strip_prefix("exec sudo -n -H "), COMMAND.strip_prefix("exec "));
    }

    /// It goes over the wire with every attempt, and takes little more than the first flight of a TCP connection (ten segments).
    #[test]
    fn the_guard_is_small_and_plain() {
        let text = program_text();
        assert!(text.len() < 15_600, "{} bytes", text.len());
        assert!(text.is_ascii());
        assert!(text.lines().all(|line| line != "#."));
    }
}
