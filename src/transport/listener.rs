//! Sorts what comes from a guard: the script's output goes to the sink, the guard's words go to the caller, and the
//! rest is kept for an error message.

use super::{OutputSink, RemoteExit, Stream, milestones::Milestones};
use crate::guard::{Control, Mark, Nonce, Offsets, Parsed, ProtocolError, Recorded, StderrParser, StdoutParser};

/// How many bytes of the beginning and of the end of the rest are kept: a login shell may greet, and then complain.
const REMARK: usize = 300;

/// ECMA-48's ST. Outside of a control string, it does nothing.
const STRING_TERMINATOR: &str = "\x1b\\";

/// A host remembers ten runs, plus those it had no time to forget. A host that reports more attempts than this runs no
/// guard.
const MOST_ATTEMPTS: usize = 1000;

/// What a piece of a stream contained; if several things, the most important.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Heard {
    /// Nothing that matters.
    Noise,
    /// Output of the script.
    Output,
    /// The guard waits for its order.
    Ready,
    /// The script runs.
    Started,
    /// The guard's last word.
    Ended,
}

/// The guard's two streams, and what is known from them.
#[derive(Debug)]
pub(super) struct Listener {
    stdout: StdoutParser,
    stderr: StderrParser,
    milestones: Milestones,
    /// The script's process group, since it was started.
    pub(super) group: Option<u32>,
    /// The barrier that the script is held at.
    pub(super) held: Option<u32>,
    /// What the host has reported of its record so far, in answer to a query.
    recorded: Recorded,
    /// The guard's last word on stdout.
    pub(super) exit: Option<RemoteExit>,
    /// The guard's last word on stderr.
    pub(super) stderr_ended: bool,
    /// The guard has spoken on one of its streams, even if only something unintelligible.
    pub(super) guard_spoke: bool,
    stray: Stray,
}

impl Listener {
    /// `resume` says at which offsets the output begins.
    pub(super) fn new(nonce: &Nonce, resume: Offsets) -> Self {
        Self {
            stdout: StdoutParser::new(nonce),
            stderr: StderrParser::new(nonce),
            milestones: Milestones::new(resume),
            group: None,
            held: None,
            recorded: Recorded::default(),
            exit: None,
            stderr_ended: false,
            guard_spoke: false,
            stray: Stray::default(),
        }
    }

    /// Takes bytes from stdout.
    pub(super) fn stdout(&mut self, bytes: &[u8], out: &mut dyn OutputSink) -> Heard {
        let Self { stdout, milestones, group, held, recorded, exit, guard_spoke, stray, .. } = self;
        let words = stdout.push(bytes).map(|parsed| match parsed {
            Ok(Parsed::Noise(bytes)) => stray.noise(bytes),
            Ok(Parsed::Output(bytes)) => {
                milestones.output(Stream::Stdout, bytes, out);
                Heard::Output
            }
            Ok(Parsed::Control(control)) => {
                *guard_spoke = true;
                match control {
                    Control::Ready => Heard::Ready,
                    Control::Started { group: started, previous } => {
                        *group = Some(started);
                        out.started(started, previous.as_deref());
                        Heard::Started
                    }
                    Control::PartBegun(part) => {
                        *held = None;
                        milestones.begun(part, out);
                        Heard::Output
                    }
                    Control::PartEnded(end) => {
                        milestones.ended(end, out);
                        Heard::Output
                    }
                    Control::Held(barrier) => {
                        *held = Some(barrier);
                        milestones.held(barrier, out);
                        Heard::Output
                    }
                    Control::Refused { reason, text } => {
                        *exit = Some(RemoteExit::Refused { reason, text });
                        Heard::Ended
                    }
                    Control::Ended(trailer) => {
                        *exit = Some(RemoteExit::Ended(trailer));
                        Heard::Ended
                    }
                    Control::Revision(revision) => {
                        recorded.revision = revision;
                        Heard::Noise
                    }
                    Control::Recorded(attempt) if recorded.attempts.len() < MOST_ATTEMPTS => {
                        recorded.attempts.push(attempt);
                        Heard::Noise
                    }
                    Control::Recorded(_) => stray.error(ProtocolError::TooMany),
                    // An answer that was not understood completely is no answer.
                    Control::Told if stray.error.is_some() => Heard::Noise,
                    Control::Told => {
                        *exit = Some(RemoteExit::Recorded(std::mem::take(recorded)));
                        Heard::Ended
                    }
                }
            }
            Err(error) => {
                *guard_spoke = true;
                stray.error(error)
            }
        });
        words.max().unwrap_or(Heard::Noise)
    }

    /// Takes bytes from stderr.
    pub(super) fn stderr(&mut self, bytes: &[u8], out: &mut dyn OutputSink) -> Heard {
        let Self { stderr, milestones, stderr_ended, guard_spoke, stray, .. } = self;
        let words = stderr.push(bytes).map(|parsed| match parsed {
            Ok(Parsed::Noise(bytes)) => stray.noise(bytes),
            Ok(Parsed::Output(bytes)) => {
                milestones.output(Stream::Stderr, bytes, out);
                Heard::Output
            }
            Ok(Parsed::Control(mark)) => {
                *guard_spoke = true;
                match mark {
                    // Also reported on stdout, with the details.
                    Mark::Started => {}
                    Mark::Ended => *stderr_ended = true,
                }
                Heard::Noise
            }
            Err(error) => {
                *guard_spoke = true;
                stray.error(error)
            }
        });
        words.max().unwrap_or(Heard::Noise)
    }

    /// Hands on the held-back bytes of a stream that has ended.
    pub(super) fn finish(&mut self, stream: Stream, out: &mut dyn OutputSink) {
        let rest = match stream {
            Stream::Stdout => self.stdout.finish().map(|parsed| drop_control(&parsed)),
            Stream::Stderr => self.stderr.finish().map(|parsed| drop_control(&parsed)),
        };
        if let Some(bytes) = rest.flatten() {
            self.milestones.output(stream, bytes, out);
        }
    }

    /// The script has ended, and no more output will come.
    pub(super) fn over(&mut self, out: &mut dyn OutputSink) {
        self.milestones.finish(out);
    }

    /// The text that was neither the script's nor the guard's, in one line. Neutralise it before showing it.
    pub(super) fn remark(&self) -> Option<String> {
        if let Some(error) = &self.stray.error {
            return Some(error.to_string());
        }
        let text = [String::from_utf8_lossy(&self.stray.noise), String::from_utf8_lossy(&self.stray.late_noise)];
        let mut lines = text.iter().flat_map(|it| it.lines()).map(str::trim).filter(|line| !line.is_empty());
        let first = lines.next()?;
        let mut line = match lines.next_back() {
            Some(last) if last != first => format!("{first} … {last}"),
            Some(_) | None => first.to_owned(),
        };
        if line.contains(char::is_control) {
            // An unterminated sequence would swallow the text after it.
            line.push_str(STRING_TERMINATOR);
        }
        Some(line)
    }
}

/// The script's bytes among those that a parser held back.
fn drop_control<'a, L>(parsed: &Parsed<'a, L>) -> Option<&'a [u8]> {
    match parsed {
        Parsed::Output(bytes) => Some(bytes),
        Parsed::Noise(_) | Parsed::Control(_) => None,
    }
}

/// Text that is neither the script's nor understood, for an error message.
#[derive(Debug, Default)]
struct Stray {
    /// The first bytes of it.
    noise: Vec<u8>,
    /// The last bytes of it, after those.
    late_noise: Vec<u8>,
    /// The guard's first violation of the protocol.
    error: Option<ProtocolError>,
}

impl Stray {
    fn noise(&mut self, bytes: &[u8]) -> Heard {
        let (early, late) = bytes.split_at(bytes.len().min(REMARK - self.noise.len()));
        self.noise.extend_from_slice(early);
        self.late_noise.extend_from_slice(&late[late.len().saturating_sub(REMARK)..]);
        self.late_noise.drain(..self.late_noise.len().saturating_sub(REMARK));
        Heard::Noise
    }

    fn error(&mut self, error: ProtocolError) -> Heard {
        self.error.get_or_insert(error);
        Heard::Noise
    }
}
